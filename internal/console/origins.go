package console

import (
	"encoding/json"
	"net/http"
	"time"
)

// Origin is a server behind a route, as it stands.
type Origin struct {
	Site      string     `json:"site"`
	Route     string     `json:"route"` // its path
	Origin    string     `json:"origin"`
	State     string     `json:"state"` // serving, returning, ejected, down, draining or disabled
	Reason    string     `json:"reason,omitempty"`
	Until     *time.Time `json:"until,omitempty"` // end of an ejection
	Duty      string     `json:"duty"`            // what the operator wants: enabled, draining or disabled
	Differs   bool       `json:"differs"`         // from the file, by a command
	Checked   bool       `json:"checked"`         // a health check has had its say
	Weight    int        `json:"weight"`
	Backup    bool       `json:"backup"`
	Active    int        `json:"active"`  // exchanges under way
	Waiting   int        `json:"waiting"` // in the queue
	Idle      int        `json:"idle"`    // connections kept
	Requests  int64      `json:"requests"`
	Failures  int64      `json:"failures"`
	Retries   int64      `json:"retries"` // requests that came here after a try that failed
	Addresses []string   `json:"addresses,omitempty"`
}

func (a *api) origins(w http.ResponseWriter, _ *http.Request) { answer(w, a.Control.Origins()) }

// changeOrigin reads {"origin":"https://10.0.0.5:8443","site":"shop"}, site left
// out for every site, and answers with the origins as they are afterwards.
func (a *api) changeOrigin(w http.ResponseWriter, r *http.Request) {
	duty := map[string]string{"drain": "draining", "disable": "disabled", "enable": "enabled"}[r.PathValue("action")]
	if duty == "" {
		fail(w, http.StatusNotFound, "no such action on an origin: "+r.PathValue("action"))
		return
	}
	var body struct {
		Origin string `json:"origin"`
		Site   string `json:"site"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Origin == "" {
		fail(w, http.StatusBadRequest, `expected a body such as {"origin":"https://10.0.0.5:8443"}`)
		return
	}
	changed, err := a.Control.SetOrigin(body.Site, body.Origin, duty)
	if err != nil {
		failWith(w, err)
		return
	}
	answer(w, changed)
}
