package app_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"fanlight/internal/machine"
	"fanlight/internal/site"
)

const addressConfig = `
addresses: [127.0.0.2] # ours alone
sites:
  shop:
    bind: ["127.0.0.2:$PORT shop.test"]
    routes: [{path: /, files: www}]
`

// A program that holds the port on every address is named, with the way to
// narrow it; once it is narrowed, both listen side by side.
func TestStory2WildcardHolder(t *testing.T) {
	port := freePort(t)
	p := startNginx(t, "127.0.0.1:"+port, "0.0.0.0:"+port)
	d, err := openIn(t, t.TempDir(), port, addressConfig)
	var refused *machine.BindError
	if !errors.As(err, &refused) {
		t.Fatalf("started with %v, want a refused address", err)
	}
	want := fmt.Sprintf("start site shop: bind 127.0.0.2:%s: held by nginx (pid %d) on 0.0.0.0:%s, which takes this port on every address", port, p.pid, port)
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if len(refused.Fixes) == 0 {
		t.Error("no way out is named")
	} else {
		says(t, "way out", refused.Fixes[0].String(), "nginx", "listen 127.0.0.1:"+port+" ssl;")
	}
	if s := d.Sites().Get("shop"); s.State() != site.Failed || !strings.Contains(s.Reason(), "held by nginx") {
		t.Errorf("the site is %s: %s", s.State(), s.Reason())
	}
	if ids := idsOf(d.Explain(d.Trace())); len(ids) != 1 || ids[0] != "wildcard-listener-shadows" {
		t.Errorf("findings are %q", ids)
	}
	d.findings("wildcard-listener-shadows")
	d.story(t, "2-address.txtar#wildcard", d.ended())
}

// Other programs have other addresses of the same port.
func TestStory2OthersBesideUs(t *testing.T) {
	port := freePort(t)
	startNginx(t, "127.0.0.10:"+port, "127.0.0.10:"+port, "127.0.0.20:"+port)
	d, err := openIn(t, t.TempDir(), port, addressConfig)
	must(t, err)
	for addr, ours := range map[string]bool{"127.0.0.2": true, "127.0.0.10": false, "127.0.0.20": false} {
		out, code := d.curl("shop.test", addr, "-o", "/dev/null", d.url("shop.test", "/hello.txt"))
		if (code == 0) != ours {
			t.Errorf("at %s curl ended with %d:\n%s", addr, code, out)
		}
	}
	for _, addr := range []string{"127.0.0.1", "127.0.0.3", "[::1]"} {
		if c, err := net.Dial("tcp", addr+":"+port); err == nil {
			c.Close()
			t.Errorf("somebody listens on %s", addr)
		}
	}
	late, err := net.Listen("tcp", "127.0.0.30:"+port)
	if err != nil {
		t.Fatalf("a program that starts later cannot have another address: %v", err)
	}
	late.Close()
}

// An address outside of the list is never bound; the list changes on the
// running door, and in the file with its comments.
func TestStory2AddressList(t *testing.T) {
	const outside = addressConfig + `  docs:
    bind: ["127.0.0.3:$PORT docs.test"]
    routes: [{path: /, files: www}]
`
	d, err := open(t, outside)
	if err == nil {
		t.Fatal("a site starts outside of the list")
	}
	says(t, "refusal", err.Error(), "site docs", "fanlight.yaml:", "127.0.0.3", "addresses")
	if c, err := net.Dial("tcp", "127.0.0.3:"+d.port); err == nil {
		c.Close()
		t.Error("an address outside of the list is bound")
	}
	if out, code := d.curl("shop.test", "127.0.0.2", "-o", "/dev/null", d.url("shop.test", "/hello.txt")); code != 0 {
		t.Errorf("the other site is not served: %d %s", code, out)
	}
	address := func(a string) any { return map[string]string{"address": a} }
	var list []string
	must(t, d.call(http.MethodPost, "/api/addresses", address("127.0.0.3"), &list))
	if fmt.Sprint(list) != "[127.0.0.2 127.0.0.3]" {
		t.Errorf("addresses are %q", list)
	}
	says(t, "file", read(t, d.path), "addresses: [127.0.0.2, 127.0.0.3] # ours alone")
	d.order("docs", "start")
	if out, code := d.curl("docs.test", "127.0.0.3", "-o", "/dev/null", d.url("docs.test", "/hello.txt")); code != 0 {
		t.Errorf("after its address was added curl ended with %d: %s", code, out)
	}
	err = d.call(http.MethodDelete, "/api/addresses", address("127.0.0.3"), nil)
	if err == nil {
		t.Error("an address in use is removed")
	} else {
		says(t, "refusal", err.Error(), "site docs is bound to it", "fanlight sites stop docs")
	}
	d.order("docs", "stop")
	must(t, d.call(http.MethodDelete, "/api/addresses", address("127.0.0.3"), &list))
	says(t, "file", read(t, d.path), "addresses: [127.0.0.2] # ours alone")
	if err := d.call(http.MethodPost, "/api/sites/docs/start", nil, nil); err == nil {
		t.Error("a site starts outside of the list")
	} else {
		says(t, "refusal", err.Error(), "127.0.0.3", "addresses")
	}
	d.story(t, "2-address.txtar#list", d.ended())
}
