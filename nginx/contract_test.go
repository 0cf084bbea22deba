package nginx_test

import (
	"testing"

	"tandem/internal/harness/contract"
	"tandem/nginx"
)

func TestProxy_DoesWhatEveryRouterDoes(t *testing.T) {
	for mode, site := range map[string]rigOptions{
		nginx.SwitchFlip:   {},
		nginx.SwitchReload: {mode: nginx.SwitchReload, server: "location / { proxy_pass http://shop_api; }"},
	} {
		t.Run(mode, func(t *testing.T) {
			contract.Router(t, func(t *testing.T) contract.RouterBed {
				r := newRig(t, site)
				r.app.Routes[0].Health.Path = "/"
				return contract.RouterBed{Port: r.proxy, App: r.app, Edit: func() string {
					r.overwrite(t, "shop.conf", r.file(t, "shop.conf")+"# a quick fix\n")
					return "shop.conf"
				}}
			})
		})
	}
}
