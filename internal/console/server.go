package console

import (
	"crypto/rand"
	"net/http"
	"time"

	"fanlight/internal/flow"
	"fanlight/internal/store"
	"fanlight/web"
)

// Options say what a console shows.
type Options struct {
	Control  Control
	Findings Findings
	Store    *store.Store       // nil: recording is off
	Disk     func() *store.Disk // nil, or gives nil: nothing is kept on disk
	Metrics  http.Handler       // nil: none
	Token    string             // of the TCP listener; must not be empty there
	KeyLog   KeyLog             // followed over the control socket, and nowhere else; nil: not
	Heirs    Heirs              // asked over the control socket, and nowhere else; nil: nobody takes over
	Reloader Reloader           // nil: the configuration is not read again
	Version  string
	// Mask hides secrets in all that is shown. Nil masks under a random key:
	// showing everything takes a Mask that changes nothing.
	Mask flow.Mask
}

// NewServer makes the server of the console's loopback listener. The caller
// owns the listener and shuts the server down.
func NewServer(o Options) *http.Server {
	if o.Token == "" {
		panic("console.NewServer: no token") // everybody on this computer could stop sites
	}
	api := newAPI(o)
	pages := http.NewServeMux()
	api.routes(pages)
	pages.Handle("/", web.Handler())
	return limited(guard(o.Token, pages))
}

// NewControlServer makes the server of the control socket, whose file mode is
// its protection: there is no token.
func NewControlServer(o Options) *http.Server {
	mux := http.NewServeMux()
	api := newAPI(o)
	api.routes(mux)
	if o.KeyLog != nil {
		mux.HandleFunc("GET /api/keylog", api.keyLog)
	}
	if o.Heirs != nil {
		mux.HandleFunc("POST /api/take-over", api.takeOver)
		mux.HandleFunc("POST /api/upgrade", api.upgrade)
	}
	srv := limited(mux)
	srv.SetKeepAlivesEnabled(false) // the next question may be for another process
	return srv
}

const (
	maxBody      = 16 << 10
	writeTimeout = 30 * time.Second
)

func limited(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, maxBody),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

// unlimited lets one request take as long as it needs; a client that goes away
// still ends its context.
func unlimited(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // not a real connection: nothing to lift
	_ = c.SetWriteDeadline(time.Time{})
}

func newAPI(o Options) *api {
	if o.Mask == nil {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		o.Mask = flow.NewMask(key)
	}
	return &api{Options: o, streams: make(chan struct{}, maxStreams)}
}
