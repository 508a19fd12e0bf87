package crs

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
)

// reflection is what a test wants the origin to answer.
type reflection struct {
	Status      int               `json:"status"`
	Headers     map[string]string `json:"headers"`
	Body        string            `json:"body"`
	EncodedBody string            `json:"encodedBody"` // base64, in place of Body
}

// origin answers every request with an empty 200, and /reflect with what the
// body of the request asks for: what the tests are written for.
func origin(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil || r.URL.Path != "/reflect" {
		return
	}
	var want reflection
	if err := json.Unmarshal(body, &want); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := []byte(want.Body)
	if want.EncodedBody != "" {
		if answer, err = base64.StdEncoding.DecodeString(want.EncodedBody); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain")
	for name, value := range want.Headers {
		w.Header().Set(name, value)
	}
	if want.Status != 0 {
		w.WriteHeader(want.Status)
	}
	w.Write(answer)
}
