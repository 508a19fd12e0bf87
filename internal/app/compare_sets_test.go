package app_test

import (
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fanlight/internal/explain/compare"
	"fanlight/internal/explain/rules"
)

const setsConfig = `daemon off; pid $DIR/pid; error_log $DIR/error.log;
events {}
http {
  access_log off; gzip on; gzip_min_length 1;
  client_body_temp_path $DIR/1; proxy_temp_path $DIR/2; fastcgi_temp_path $DIR/3; uwsgi_temp_path $DIR/4; scgi_temp_path $DIR/5;
  map "$http_x_tenant $http_x_broken $http_x_guest" $denied { default 1; "~^[^ ]+  $" 0; "~ yes$" 0; }
  server {
    listen $ADDR;
    location / { default_type text/html; add_header Set-Cookie "sid=$request_id"; if ($denied) { return 403; } return 200 "hello $request_id\n"; }
  }
}
`

// TestCompareSets: of 340 requests of curl to nginx 40 are refused. 39 of them
// lack a header, as do 2 of the 300 that work; the rest differs by chance.
func TestCompareSets(t *testing.T) {
	dir, addr := publicDir(t), "127.0.0.1:"+freePort(t)
	config := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(config, []byte(strings.NewReplacer("$DIR", dir, "$ADDR", addr).Replace(setsConfig)), 0o644))
	stop := tcpdump(t, "sets", addr)
	launch(t, addr, program(t, "nginx"), "-c", config)
	var asks []string
	for i := range 340 {
		header := fmt.Sprintf("X-Tenant: t%d", i)
		switch {
		case i < 39:
			header = "Accept: */*" // lacks it
		case i == 39:
			header += "\r\nX-Broken: yes"
		case i < 42:
			header = "X-Guest: yes"
		}
		asks = append(asks, askOf(i, addr, header))
	}
	rand.New(rand.NewSource(1)).Shuffle(len(asks), func(i, j int) { asks[i], asks[j] = asks[j], asks[i] })
	list := filepath.Join(dir, "asks")
	must(t, os.WriteFile(list, []byte(strings.Join(asks, "next\n")), 0o600))
	if out, err := exec.Command(program(t, "curl"), "-q", "-sS", "--noproxy", "*", "--max-time", "60", "-K", list).CombinedOutput(); err != nil {
		t.Fatalf("curl: %v\n%s", err, out)
	}
	r, err := compare.Split(rules.All(), analysed(t, stop(), ""))
	must(t, err)
	d := r.First()
	if d == nil || d.Key != "request-header:x-tenant" || d.Bad.Value != "missing" || d.Bad.Count != 39 || d.Bad.Of != 40 || d.Good.Count != 2 || d.Good.Of != 300 {
		var b strings.Builder
		r.Text(&b)
		t.Errorf("the first difference is not the header that 39 of 40 lack, and 2 of 300:\n%s", &b)
	}
}

// askOf is one request in curl's configuration, on a connection of its own.
func askOf(i int, addr, header string) string {
	lines := []string{
		fmt.Sprintf("url = \"http://%s/orders/%d?t=%d\"", addr, 1000+i, i*7919), "output = /dev/null", "silent", "compressed",
		fmt.Sprintf("header = \"X-Request-Id: %08x%08x\"", i*2654435761, i), "header = \"Connection: close\"",
	}
	for h := range strings.SplitSeq(header, "\r\n") {
		lines = append(lines, "header = \""+h+"\"")
	}
	if i%3 == 0 {
		lines = append(lines, "user-agent = \"Mozilla/5.0\"")
	}
	return strings.Join(lines, "\n") + "\n"
}
