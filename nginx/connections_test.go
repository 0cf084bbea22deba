package nginx

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"tandem/reconciler/deploy"
)

func TestConnected_FindsEstablishedConnectionsToThePeerAndTellsWebSocketsByTheirAddress(t *testing.T) {
	const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
	none, request, socket := deploy.Connections{}, deploy.Connections{Requests: 1}, deploy.Connections{WebSockets: 1}
	for name, c := range map[string]struct {
		line string
		want deploy.Connections
	}{
		"established":                          {"   0: 0100007F:9C40 0100007F:0BB9 01 00000000:00000000", request},
		"mapped into IPv6":                     {"   0: 0000000000000000FFFF00000100007F:9C40 0000000000000000FFFF00000100007F:0BB9 01 00000000:00000000", request},
		"from the other address":               {"   0: 0200007F:9C40 0100007F:0BB9 01 00000000:00000000", socket},
		"from the other address, to elsewhere": {"   0: 0200007F:9C40 0100007F:0BBA 01 00000000:00000000", none},
		"closing":                              {"   0: 0100007F:9C40 0100007F:0BB9 06 00000000:00000000", none},
		"listening":                            {"   0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000", none},
		"another port":                         {"   0: 0100007F:9C40 0100007F:0BBA 01 00000000:00000000", none},
		"the app's own side":                   {"   0: 0100007F:0BB9 0100007F:9C40 01 00000000:00000000", none},
		"another address":                      {"   0: 0100007F:9C40 0200007F:0BB9 01 00000000:00000000", none},
	} {
		path := filepath.Join(t.TempDir(), "tcp")
		if err := os.WriteFile(path, []byte(heading+c.line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := connected(path, map[netip.AddrPort]bool{netip.MustParseAddrPort("127.0.0.1:3001"): true})
		if err != nil || got != c.want {
			t.Errorf("%s: got %v and %v", name, got, err)
		}
	}
}
