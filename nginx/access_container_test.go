package nginx_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"tandem/nginx"
	"tandem/reconciler/deploy"
)

// In a network of containers the name that Nginx would ask may be anybody's.
func TestAccess_ANameInANetworkIsAskedOnlyOnceItIsOpen(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			b := newBoxed(t, mode, false)
			b.stack(t, deploy.Blue)
			b.stack(t, deploy.Green)
			grant := func(blue, green deploy.Access) {
				b.app.Routes[0].Access = deploy.Accesses{Blue: blue, Green: green}
				if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
					t.Fatal(err)
				}
			}
			url := func() string { return "http://" + net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port)) }
			b.app.Routes[0].Access = deploy.Accesses{}
			location := b.passing()
			if mode == nginx.SwitchReload {
				location = "location / { proxy_pass http://" + b.app.Name + "_api; }"
			}
			b.prepare(t, location)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			grant(deploy.AccessAsItIs, deploy.AccessTaken)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			grant(deploy.AccessOpen, deploy.AccessOpen)
			b.wantTraffic(t, deploy.Blue)
			grant(deploy.AccessAsItIs, deploy.AccessAsItIs)
			b.wantTraffic(t, deploy.Blue)
			grant(deploy.AccessTaken, deploy.AccessOpen)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			b.flip(t, deploy.Green)
			b.wantTraffic(t, deploy.Green)
			grant(deploy.AccessClosed, deploy.AccessClosed)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
		})
	}
}
