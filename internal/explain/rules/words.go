package rules

import (
	"fmt"
	"strconv"
	"strings"

	"fanlight/internal/flow"
)

// manner says how event i ends a connection: fin, rst, or the alert's name.
func manner(c *flow.Conn, i int) string {
	if i < 0 {
		return c.Close.How.String()
	}
	if e := &c.Events[i]; e.Kind == flow.Alert {
		return e.Text
	}
	return c.Events[i].Kind.String()
}

// peer names the server side of c for a sentence.
func peer(c *flow.Conn) string {
	who := "the server"
	if c.Self == flow.Client && c.Parent != 0 {
		who = "the origin"
	}
	if c.Origin != "" {
		who += " " + c.Origin
	}
	if !c.Server.IsValid() {
		return who
	}
	if strings.Contains(c.Origin, c.Server.String()) {
		return who
	}
	return who + " " + c.Server.String()
}

// caller names the client side of c for a sentence.
func caller(c *flow.Conn) string {
	switch {
	case c.Self == flow.Client:
		return "Fanlight"
	case c.Client.IsValid():
		return "the client " + c.Client.Addr().String()
	}
	return "the client"
}

// asked names what x asked for.
func asked(x *flow.Exchange) string {
	if x == nil || x.Method == "" {
		return "the request"
	}
	return x.Method + " " + x.Target
}

// counted words a number of things: one request, 3 requests.
func counted(n int, one, many string) string {
	if n == 1 {
		return "one " + one
	}
	return strconv.Itoa(n) + " " + many
}

// times words how often: once, twice, 3 times.
func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
