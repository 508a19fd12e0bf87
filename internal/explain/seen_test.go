package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"fanlight/internal/flow"
)

func TestSeenFirst(t *testing.T) {
	page := []Fix{{Product: "Fanlight"}, {Product: "nginx"}, {Product: ""}, {Product: "IIS and HTTP.sys"}, {Product: "Apache"}}
	for server, want := range map[string][]string{
		"nginx/1.22.1":          {"nginx", "Fanlight", "", "IIS and HTTP.sys", "Apache"},
		"Microsoft-HTTPAPI/2.0": {"IIS and HTTP.sys", "Fanlight", "nginx", "", "Apache"},
		"Apache/2.4.71":         {"Apache", "Fanlight", "nginx", "", "IIS and HTTP.sys"},
		"gunicorn":              {"Fanlight", "nginx", "", "IIS and HTTP.sys", "Apache"},
	} {
		answered := &flow.Exchange{ID: 1, Conn: 1, ResponseHeader: []flow.Field{{Name: "server", Value: server}}}
		ix := newIndex(&flow.Trace{Conns: []*flow.Conn{{ID: 1, Exchanges: []*flow.Exchange{answered}}}})
		f := Finding{Conns: []flow.ConnID{1, 2}, Fixes: page}
		ix.seenFirst(&f)
		var got []string
		for _, x := range f.Fixes {
			got = append(got, x.Product)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", server, diff)
		}
	}
	if page[0].Product != "Fanlight" {
		t.Error("the page was changed")
	}
}
