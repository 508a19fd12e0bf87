package dissect

import (
	"testing"

	"fanlight/internal/flow"
)

// TestPause: the end of a response body tells the longest time without a byte
// of it, if that is worth a word.
func TestPause(t *testing.T) {
	const asked = `
		> S 100 0
		< SA 500 101
		> A 101 501
		> A 101 501 "GET / HTTP/1.1^Host: a.test^^"
		`
	for name, test := range map[string]struct{ answer, want string }{
		"behind the head": {`< A 501 130 "HTTP/1.1 200 OK^Content-Length: 4^^"
			< A 539 130 t=2500 "late"`, "2500.000"},
		"in the middle, chunked": {`< A 501 130 "HTTP/1.1 200 OK^Transfer-Encoding: chunked^^2^ab^"
			< A 555 130 t=700 "2^cd^"
			< A 562 130 t=600 "0^^"`, "700.000"},
		"short":           {`< A 501 130 "HTTP/1.1 200 OK^Content-Length: 4^^la" ` + "\n" + `< A 541 130 t=400 "te"`, ""},
		"before the head": {`< A 501 130 t=3000 "HTTP/1.1 200 OK^Content-Length: 4^^late"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			trace, _, err := analyse(t, tape(t, 80, asked+test.answer), "tape", nil, 1)
			if err != nil {
				t.Fatal(err)
			}
			got := "no end"
			for _, e := range trace.Conns[0].Events {
				if e.Kind == flow.ResponseDone {
					got = e.Attr(flow.KeyPause)
				}
			}
			if got != test.want {
				t.Errorf("pause %q, want %q\n%s", got, test.want, trace)
			}
		})
	}
}
