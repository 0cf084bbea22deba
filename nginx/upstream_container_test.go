package nginx_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"tandem/internal/harness/testbed/tb"
	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// The listener is on the loopback address of wherever Nginx is.
func TestContainer_ASiteThatPassesToItsOwnUpstreamIsMovedAndFlipped(t *testing.T) {
	for name, onHost := range map[string]bool{"on the host's network": true, "on a network of its own": false} {
		t.Run(name, func(t *testing.T) {
			b := newBoxed(t, nginx.SwitchFlip, onHost)
			b.app.Routes[0].Upstream = "app_backend"
			if onHost {
				b.app.Routes[0].Ports = deploy.Ports{Blue: newStack(t, deploy.Blue).port, Green: newStack(t, deploy.Green).port}
			} else {
				b.stack(t, deploy.Blue)
				b.stack(t, deploy.Green)
			}
			// The container runs with the group of the person.
			const own = "upstream app_backend { server 127.0.0.1:1; }\n"
			b.configure(t, own, scriptSite)
			b.exec(t, b.name, "nginx", "-c", "/conf/nginx.conf", "-s", "reload")
			_, err := b.proxy.Prepare(t.Context(), b.app)
			wantReason(t, err, deploy.NotIncluded, `"include /inside/tandem/*.conf;" in the place of the site's own upstream "app_backend" (/conf/nginx.conf:`)
			b.configure(t, "include /inside/tandem/*.conf;", scriptSite)
			b.exec(t, b.name, "nginx", "-c", "/conf/nginx.conf", "-s", "reload")
			if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
				t.Fatal(err)
			}
			b.untilTraffic(t, deploy.Blue)
			load := startLoad(t, "http://"+net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port)), 8)
			for range 3 {
				for _, c := range []deploy.Color{deploy.Green, deploy.Blue} {
					before := load.answered.Load()
					b.flip(t, c)
					b.wantTraffic(t, c)
					tb.Until(t, patience, "more answers", func() error {
						if n := load.answered.Load() - before; n < 80 {
							return fmt.Errorf("%d answers", n)
						}
						return nil
					})
				}
			}
			load.stop()
			if n := load.failed.Load(); n != 0 {
				t.Errorf("%d of %d requests failed, the first with: %v", n, load.answered.Load()+n, load.first.Load())
			}
			b.wantProbesInTheLog(t, deploy.Blue)

			if text, err := os.ReadFile(filepath.Join(b.dir, b.app.Name+".listeners")); err != nil || !onHost {
				port := regexp.MustCompile(`listen 127\.0\.0\.1:(\d+);`).FindSubmatch(text)
				if err != nil || port == nil {
					t.Fatalf("no port in %s, %v", text, err)
				}
				if conn, err := net.Dial("tcp", net.JoinHostPort(b.address(t, b.name), string(port[1]))); err == nil {
					t.Errorf("the listener can be reached from outside of the container: %v", conn.Close())
				}
			}
		})
	}
}
