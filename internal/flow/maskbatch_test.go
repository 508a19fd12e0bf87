package flow

import (
	"bytes"
	"testing"
)

func TestMaskBatch(t *testing.T) {
	mask := NewMask([]byte("key"))
	for _, test := range []struct {
		text, header string
		same         bool
	}{
		{"GET /", "Host: a\r\nUSER-AGENT: b\r\n", true},
		{"GET /", "Host: a\r\ncookie: a=secret\r\n", false},
		{"GET /", "Host: a\r\nAuthorization : Basic secret\r\n", false},
		{"GET /?token=secret", "", false},
		{"GET /?a=b", "X-Api-Key: secret\n", false},
		{"GET /", "Authorization Basic secret\r\n", false},
	} {
		e := Event{Kind: Request, Text: test.text, Header: []byte(test.header), Attrs: Attrs("host", "a")}
		in := Batch(nil).Append(&e)
		out := mask.Batch(in)
		if bytes.Contains(out, []byte("secret")) {
			t.Errorf("%s %q: the secret is still there", test.text, test.header)
		}
		if same := bytes.Equal(in, out); same != test.same {
			t.Errorf("%s %q: same is %v", test.text, test.header, same)
		}
		if again := mask.Batch(out); !bytes.Equal(again, out) {
			t.Errorf("%s %q: masked twice it is another", test.text, test.header)
		}
	}
}
