package rules

import (
	"strconv"
	"strings"

	"fanlight/internal/flow"
)

// wantsTLS names the server whose page x is that says that its port speaks TLS,
// empty if it is none that is known. Pages are told by their lengths, as nginx
// 1.22, Apache 2.4 and Go were seen to write them.
func wantsTLS(x *flow.Exchange) string {
	if x.Status != 400 {
		return ""
	}
	server := header(x.ResponseHeader, "Server")
	length, err := strconv.Atoi(header(x.ResponseHeader, "Content-Length"))
	switch {
	case len(x.ResponseHeader) == 0 && x.ResponseBodyBytes == int64(len("Client sent an HTTP request to an HTTPS server.\n")):
		return "Go"
	case err != nil:
		return ""
	case strings.HasPrefix(server, "nginx") && length == nginxPage(server):
		return "nginx"
	case strings.HasPrefix(server, "Apache") && apachePage(server, hostOf(x.Host), length):
		return "Apache"
	}
	return ""
}

func nginxPage(server string) int {
	const what = "The plain HTTP request was sent to HTTPS port"
	return len("<html>\r\n<head><title>400 " + what + "</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n<center>" +
		what + "</center>\r\n<hr><center>" + server + "</center>\r\n</body>\r\n</html>\r\n")
}

// apachePage knows the page with and without a signature (ServerSignature), in
// which the server has the name it was asked for.
func apachePage(server, host string, length int) bool {
	const page = "\n<html><head>\n<title>400 Bad Request</title>\n</head><body>\n<h1>Bad Request</h1>\n" +
		"<p>Your browser sent a request that this server could not understand.<br />\n" +
		"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />\n" +
		" Instead use the HTTPS scheme to access this URL, please.<br />\n</p>\n</body></html>\n"
	signature := "<hr>\n<address>" + server + " Server at " + host + " Port 80</address>\n"
	for _, doctype := range []string{
		`<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">`,
		`<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">`,
	} {
		if n := len(doctype) + len(page); length == n || length == n+len(signature) {
			return true
		}
	}
	return false
}
