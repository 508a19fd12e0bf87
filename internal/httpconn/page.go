package httpconn

import (
	"fmt"
	"html"
	"strings"
	"time"

	"fanlight/internal/httpwire"
)

// ErrorPage is the body and the raw header lines of a response that Fanlight
// makes itself. It tells the visitor the incident, which the operator can ask
// about, and nothing of what is behind the door.
func ErrorPage(status int, incident, accept string) (body, fields []byte) {
	title := fmt.Sprintf("%d %s", status, httpwire.StatusText(status))
	kind := "text/plain; charset=utf-8"
	text := title + "\n"
	if incident != "" {
		text += "incident " + incident + "\n"
	}
	if acceptsHTML(accept) {
		kind = "text/html; charset=utf-8"
		text = htmlPage(title, incident)
	}
	return []byte(text), PageFields(kind, incident)
}

// PageFields are the raw header lines of a page that Fanlight makes itself, of a
// media type.
func PageFields(kind, incident string) (fields []byte) {
	fields = httpwire.AppendField(nil, "Content-Type", kind)
	fields = httpwire.AppendField(fields, "Cache-Control", "no-store")
	fields = AppendDate(fields)
	if incident != "" {
		fields = httpwire.AppendField(fields, "Fanlight-Incident", incident)
	}
	return fields
}

// AppendDate appends the Date field that a response of our own must have (RFC
// 9110 section 6.6.1).
func AppendDate(fields []byte) []byte {
	fields = append(fields, "Date: "...)
	fields = time.Now().UTC().AppendFormat(fields, "Mon, 02 Jan 2006 15:04:05 GMT")
	return append(fields, "\r\n"...)
}

func htmlPage(title, incident string) string {
	line := ""
	if incident != "" {
		line = `<p>Incident <code>` + html.EscapeString(incident) + `</code></p>
<p class="hint">Tell this number to whoever runs this site. They can see what happened with <code>fanlight why ` + html.EscapeString(incident) + `</code></p>`
	}
	return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>` + html.EscapeString(title) + `</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:12vh auto;max-width:34em;padding:0 1em;color:#222}
h1{font-size:1.5em;font-weight:600}.hint{color:#666;font-size:.9em}code{background:#f2f2f2;padding:.1em .3em;border-radius:3px}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}code{background:#2a2a2a}.hint{color:#999}}</style>
<h1>` + html.EscapeString(title) + `</h1>
` + line + "\n</html>\n"
}

// acceptsHTML reports whether a browser asks: it names text/html itself.
func acceptsHTML(accept string) bool {
	return strings.Contains(strings.ToLower(accept), "text/html")
}
