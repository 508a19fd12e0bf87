package dissect

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/pcap"
)

// quiet gives a capture and then nothing until it is ended.
type quiet struct {
	*pcap.Reader
	end chan struct{}
}

func (q quiet) NextBatch(b *pcap.Batch) error {
	err := q.Reader.NextBatch(b)
	if err == io.EOF {
		<-q.end
	}
	return err
}

// What is over is given out soon, although no packet follows.
func TestLiveGivesWhatIsOver(t *testing.T) {
	raw := tape(t, 80, `
		> S 99 0
		< SA 299 100
		> A 100 300
		> A 100 300 "GET / HTTP/1.1^Host: a^^"
		< A 300 127 "HTTP/1.1 204 No Content^^"
		> FA 127 327
		< FA 327 128
		> A 128 328`)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(0, 1e18)))
		r, err := pcap.NewReader(bytes.NewReader(raw), "live")
		if err != nil {
			t.Fatal(err)
		}
		q := quiet{r, make(chan struct{})}
		given := make(chan string, 4)
		a := New(Options{Workers: 2, Live: true,
			Exchange: func(_ *flow.Conn, x *flow.Exchange) { given <- "exchange " + x.Target },
			Conn:     func(c *flow.Conn) { given <- "connection by " + c.Close.By.String() },
		})
		done := make(chan error)
		go func() {
			_, err := a.Run(context.Background(), q)
			done <- err
		}()
		late := time.After(5 * time.Second)
		for _, want := range []string{"exchange /", "connection by client"} {
			select {
			case got := <-given:
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			case <-late:
				t.Fatalf("no %s", want)
			}
		}
		close(q.end)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
