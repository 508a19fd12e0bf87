package console

import "net/http"

const loginPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Fanlight</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/login.css">
<form method="post" action="/login">
<h1>Fanlight</h1>
<p>Open the address that <code>fanlight run</code> printed, or give its token.</p>
<p role="alert">`

const loginForm = `</p>
<label>Token <input name="token" type="password" autocomplete="off" autofocus required></label>
<button>Enter</button>
</form>
`

const loginStyle = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { display: grid; min-height: 90vh; place-items: center }
form { display: grid; gap: .75rem; max-width: 24rem }
h1, p { margin: 0 }
input { display: block; width: 100%; box-sizing: border-box }
input, button { font: inherit; padding: .5rem .75rem }
[role=alert] { color: #c0392b }
`

func login(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(loginPage + message + loginForm)) // message is our own text
}
