package nginx_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"tandem/nginx"
	"tandem/reconciler"
)

// In a network of containers the name that Nginx would ask may be anybody's.
func TestAccess_ANameInANetworkIsAskedOnlyOnceItIsOpen(t *testing.T) {
	for _, mode := range []string{nginx.SwitchFlip, nginx.SwitchReload} {
		t.Run(mode, func(t *testing.T) {
			b := newBoxed(t, mode, false)
			b.stack(t, reconciler.Blue)
			b.stack(t, reconciler.Green)
			grant := func(blue, green reconciler.Access) {
				b.app.Routes[0].Access = reconciler.Accesses{Blue: blue, Green: green}
				if _, err := b.proxy.Prepare(t.Context(), b.app); err != nil {
					t.Fatal(err)
				}
			}
			url := func() string { return "http://" + net.JoinHostPort(b.address(t, b.name), fmt.Sprint(b.port)) }
			b.app.Routes[0].Access = reconciler.Accesses{}
			location := b.passing()
			if mode == nginx.SwitchReload {
				location = "location / { proxy_pass http://" + b.app.Name + "_api; }"
			}
			b.prepare(t, location)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			grant(reconciler.AsItIs, reconciler.Taken)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			grant(reconciler.Open, reconciler.Open)
			b.wantTraffic(t, reconciler.Blue)
			grant(reconciler.AsItIs, reconciler.AsItIs)
			b.wantTraffic(t, reconciler.Blue)
			grant(reconciler.Taken, reconciler.Open)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
			b.flip(t, reconciler.Green)
			b.wantTraffic(t, reconciler.Green)
			grant(reconciler.Closed, reconciler.Closed)
			wantStatus(t, http.MethodGet, url(), http.StatusBadGateway)
		})
	}
}
