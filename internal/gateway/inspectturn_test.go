package gateway

import (
	"fmt"
	"strings"
	"testing"

	"fanlight/internal/flow"
	"fanlight/internal/testnet"
	"fanlight/internal/waf"
)

// However many large bodies come at a time, so many are judged at a time as there
// are processors; the others wait, and small ones pass them by.
func TestLargeBodiesAreJudgedInTurn(t *testing.T) {
	begun, goOn := make(chan int, 100), make(chan bool)
	j := &judge{body: func(body []byte, _ int64) *waf.Interruption {
		if len(body) >= waitsInTurn {
			begun <- len(body)
			<-goOn
		}
		return nil
	}}
	d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j})
	most := cap(d.g.turns)
	ask := func(size int) *client {
		c := d.dial("app.test")
		c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size)))
		return c
	}
	var all []*client
	for range 2*most + 1 {
		all = append(all, ask(waitsInTurn))
	}
	for range most {
		<-begun
	}
	if res, _, err := ask(100).receive("POST"); err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	select {
	case <-begun:
		t.Errorf("more than %d were judged at a time", most)
	default:
	}
	close(goOn)
	for _, c := range all {
		if res, _, err := c.receive("POST"); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
	}
	d.settled(func(*flow.Trace) bool { return len(d.g.turns) == 0 })
}

// What the engine keeps of a request while its client or its origin is waited for
// counts as held.
func TestKeptIsCounted(t *testing.T) {
	for _, responses := range []bool{false, true} {
		for _, pass := range []bool{false, true} {
			j := &judge{}
			j.keeps.Store(60_000)
			d := protected(t, testnet.Echo{}.Start(t), Protection{Engine: j, Pass: pass, Policy: waf.Policy{Responses: responses}}, func(o *Options) { o.Inspected = 160_000 })
			first := d.dial("app.test")
			first.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 6\r\n\r\nabc")
			d.settled(func(*flow.Trace) bool { return d.g.held.Load() == 60_000+firstHeld })
			second := d.dial("app.test")
			second.send("POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
			res, body, err := second.receive("POST")
			switch {
			case err != nil:
				t.Fatal(err)
			case pass && (res.StatusCode != 200 || echoed(t, body).BodyBytes != 3), !pass && res.StatusCode != 503:
				t.Errorf("responses %v, pass %v: %v %s", responses, pass, res, body)
			}
			if n := d.g.Metrics.Fired.All()["waf-inspected"]; n == 0 {
				t.Errorf("responses %v, pass %v: it is not counted", responses, pass)
			}
			first.send("def")
			if res, _, err := first.receive("POST"); err != nil || res.StatusCode != 200 {
				t.Fatal(res, err)
			}
			d.settled(func(*flow.Trace) bool { return d.g.held.Load() == 0 })
		}
	}
}
