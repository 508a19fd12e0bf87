package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func TestHandler(t *testing.T) {
	built := fstest.MapFS{
		"index.html":      {Data: []byte("the page")},
		"assets/a-123.js": {Data: []byte("the script")},
		"placeholder":     {Data: []byte("x")},
	}
	for _, test := range []struct {
		files      fstest.MapFS
		path, want string
		status     int
	}{
		{built, "/", "the page", 200},
		{built, "/assets/a-123.js", "the script", 200},
		{built, "/assets/", "not found", 404},
		{built, "/placeholder", "not found", 404},
		{fstest.MapFS{}, "/", "make build", 200},
	} {
		w := httptest.NewRecorder()
		handler(test.files).ServeHTTP(w, httptest.NewRequest("GET", test.path, nil))
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s: got %d %q, want %d %q", test.path, w.Code, w.Body, test.status, test.want)
		}
	}
}
