//go:build linux

package app_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"fanlight/internal/testnet"
)

// fakeHeir asks a door to hand over, and goes as far as a test wants.
type fakeHeir struct {
	net.Conn
	r *bufio.Reader
}

// askToTakeOver gives a process that knows what the door has, and has not said
// that it is ready.
func (d *door) askToTakeOver() (heir *fakeHeir, legacy string) {
	d.t.Helper()
	nc, err := net.Dial("unix", d.file("fanlight-data/control.sock"))
	must(d.t, err)
	d.t.Cleanup(func() { nc.Close() })
	heir = &fakeHeir{nc, bufio.NewReader(nc)}
	fmt.Fprint(nc, "POST /api/take-over HTTP/1.1\r\nHost: door\r\nConnection: Upgrade\r\nUpgrade: fanlight-take-over\r\n\r\n")
	res, err := http.ReadResponse(heir.r, nil)
	must(d.t, err)
	if res.StatusCode != 101 {
		d.t.Fatal(res.Status)
	}
	fmt.Fprintln(nc, `{"pid":1,"version":"fake"}`)
	_, err = heir.r.ReadString('{') // and not the bytes that come with descriptors, which are lost here
	must(d.t, err)
	legacy, err = heir.r.ReadString('\n')
	must(d.t, err)
	return heir, "{" + legacy
}

// A process that ends between go and serving leaves the door as it was.
func TestHeirEndsHalfWay(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, twoSites, "$ECHO", echo.Addr)
	for range 3 {
		heir, _ := d.askToTakeOver()
		fmt.Fprintln(heir, `{"step":"ready"}`)
		if line, err := heir.r.ReadString('\n'); err != nil || !strings.Contains(line, `"go"`) {
			t.Fatalf("the door says %q, %v", line, err)
		}
		heir.Close()
		expect(t, d.client("one.test"), "/", 200)
		until(t, "the door to take orders", func() bool { return d.call(http.MethodPost, "/api/reload", nil, nil) == nil })
	}
}

// While a process is to take over nothing can be changed, and who asks for a
// reload hears so at once. A door that is told to end does, at once too.
func TestHeirSaysNothing(t *testing.T) {
	echo := testnet.Echo{At: testnet.At{Plain: true}}.Start(t)
	d := serve(t, twoSites, "$ECHO", echo.Addr)
	heir, _ := d.askToTakeOver()
	for _, path := range []string{"/api/reload", "/api/sites/one/stop", "/api/upgrade"} {
		if err := d.call(http.MethodPost, path, nil, nil); err == nil || !strings.Contains(err.Error(), "being handed over") {
			t.Errorf("%s during a take-over gives %v", path, err)
		}
	}
	d.shut()
	if line, err := heir.r.ReadString('\n'); err == nil {
		t.Errorf("a door that ended says %q", line)
	}
}

// A site that is being stopped when the door is taken over is to be stopped by
// the process that takes over as well.
func TestHeirLearnsOfStopUnderWay(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	origin := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		<-answer
	}))
	defer origin.Close()
	d := serve(t, twoSites, "$ECHO", origin.Listener.Addr().String())
	var ending sync.WaitGroup
	ending.Go(func() {
		if res, err := d.client("one.test").Get("https://one.test/"); err != nil {
			t.Error(err)
		} else {
			res.Body.Close()
		}
	})
	<-asked
	ending.Go(func() { d.order("one", "stop") })
	until(t, "the site to be drained", func() bool { return d.Site("one").State == "draining" })
	heir, legacy := d.askToTakeOver()
	says(t, "legacy", legacy, `"states":{"one":"stopped"}`, `"serving":["two"]`)
	heir.Close()
	close(answer)
	ending.Wait()
}
