package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// guard lets only its own user in: a page of some other origin, a name that
// was made to point at loopback (DNS rebinding), and another user of this
// computer who does not know the token stay out.
func guard(token string, next http.Handler) http.Handler {
	g := &guardian{token: token, session: session(token), next: next}
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusForbidden, "this came from a page of another origin")
	}))
	return g.headers(g.host(origin.Handler(g)))
}

type guardian struct {
	token   string
	session string
	next    http.Handler
}

// session is what the cookie holds: browsers send cookies to every port of a
// host, and the token itself should not travel to other programs.
func session(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("console cookie"))
	return hex.EncodeToString(mac.Sum(nil))
}

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"

func (g *guardian) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// host refuses a Host other than the address the connection came to, or
// localhost with its port.
func (g *guardian) host(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if !ok || !ownHost(r.Host, local.String()) {
			fail(w, http.StatusMisdirectedRequest, "this is the console of Fanlight; its host is not "+r.Host)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func ownHost(host, local string) bool {
	_, port, err := net.SplitHostPort(local)
	return err == nil && (strings.EqualFold(host, local) || strings.EqualFold(host, "localhost:"+port))
}

func (g *guardian) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/" && r.Method == http.MethodGet && r.URL.Query().Has("token"):
		g.enter(w, r, r.URL.Query().Get("token"))
	case r.URL.Path == "/login" && r.Method == http.MethodPost:
		g.enter(w, r, r.PostFormValue("token"))
	case r.URL.Path == "/login.css":
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write([]byte(loginStyle))
	case g.known(r):
		g.next.ServeHTTP(w, r)
	case r.URL.Path == "/":
		login(w, http.StatusUnauthorized, "")
	default:
		w.Header().Set("WWW-Authenticate", `Bearer realm="Fanlight console"`)
		fail(w, http.StatusUnauthorized, "the console's token is needed")
	}
}

// known accepts the token as a bearer token, or the cookie that was given for
// it.
func (g *guardian) known(r *http.Request) bool {
	if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		return same(token, g.token)
	}
	cookie, err := r.Cookie(cookieName(r))
	return err == nil && same(cookie.Value, g.session)
}

// enter exchanges the token for a cookie and leaves an address without it.
func (g *guardian) enter(w http.ResponseWriter, r *http.Request, token string) {
	if !same(token, g.token) {
		login(w, http.StatusUnauthorized, "This is not the token.")
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: g.session, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	query := r.URL.Query()
	query.Del("token")
	http.Redirect(w, r, (&url.URL{Path: "/", RawQuery: query.Encode()}).String(), http.StatusSeeOther)
}

// cookieName has the port, since browsers keep the cookies of all ports of a
// host together and there may be two consoles.
func cookieName(r *http.Request) string {
	_, port, _ := net.SplitHostPort(r.Host)
	return "fanlight-" + port
}

// same compares in a time that does not depend on where the difference is, nor
// on the lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
