package rules

import (
	"fmt"
	"time"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var acceptedButSilent = explain.Rule{
	ID:       "accepted-but-silent",
	Title:    "The connection is accepted, then the server says nothing",
	Severity: explain.Error,
	Doc: explain.Page{
		Means: "The system of the server completed the TCP handshake by itself; the program behind it never answered the ClientHello.",
		Looks: "SYN-ACK as usual, then no byte from the server until somebody's timer. nginx logs `upstream timed out (110) while SSL handshaking`, curl ends with code 28 after it connected.",
		Why:   "The process is frozen or being debugged, has no free worker, or is out of file descriptors. Rarely the path loses large packets.",
		Fixes: []explain.Fix{
			fix(explain.Origin, "", "Look at the process: is it running, blocked, at its limit of open files or workers? Restart it, raise the limit:", "cat /proc/PID/limits", "ls /proc/PID/fd | wc -l"),
			fix(explain.Network, "", "If only large packets are lost, let ICMP \"fragmentation needed\" through or clamp the MSS."),
			fix(explain.Gateway, "Fanlight", "The wait is bounded by the route's TLS timeout:", "timeouts: {tls: 10s}"),
		},
		Confirm: "Every connection to that port behaves alike; on the server the accept queue of the port is not empty (`ss -ltn`, column Recv-Q).",
		LookAlikes: []explain.Alike{
			{ID: "syn-unanswered", Difference: "not even the connection is accepted"},
			{ID: "mtu-black-hole", Difference: "a full-size segment is sent again and again, smaller ones pass. A capture at the client shows nothing of that if it is the server's: capture at the server"},
			{ID: "no-certificate-for-binding", Difference: "the server closes at once"},
			{ID: "accept-queue-overflow", Difference: "some connections are made late or not at all, others at once"},
			{ID: "large-clienthello-dropped", Difference: "a small ClientHello is answered"},
		},
		References: []string{"RFC 9293 section 3.9.1 (a connection is established before the application accepts it)", "listen(2)"},
	},
	Hides:   []string{"origin-handshake-failed"},
	Silence: true,
	Check:   checkAcceptedButSilent,
}

func checkAcceptedButSilent(p *explain.Pass) {
	for _, c := range p.Conns() {
		hello := find(c, 0, flow.Client, flow.ClientHello)
		if hello < 0 || isQUIC(c) || c.Self == flow.Server || c.TLS.Done == flow.Yes || c.Close.By == flow.Server || spokeTLS(c) {
			continue
		}
		end := silenceEnd(c)
		d, known := between(c, hello, end)
		if end < 0 || known && d < time.Second {
			continue
		}
		f := explain.Finding{
			Confidence: explain.Likely,
			Cause:      fmt.Sprintf("%s accepted the connection and never answered the ClientHello.", peer(c)),
			Evidence:   []explain.Evidence{explain.At(c, hello, "ClientHello"), explain.At(c, end, "given up")},
			Missing:    []string{"a capture at the server: did the ClientHello arrive, and did an answer leave"},
		}
		if known {
			f.Cause = fmt.Sprintf("%s accepted the connection and did not answer the ClientHello for %s.", peer(c), explain.Span(d))
		}
		report(p, f, c, nil)
	}
}

// spokeTLS tells that the server sent anything of a handshake.
func spokeTLS(c *flow.Conn) bool {
	return find(c, 0, flow.Server, flow.ServerHello, flow.Certificate, flow.CertificateRequest, flow.Alert) >= 0
}

// silenceEnd is the event with which the waiting side gave up, or -1.
func silenceEnd(c *flow.Conn) int {
	if i := ranOut(c, "tls"); i >= 0 {
		return i
	}
	if i := handshakeFailed(c, flow.FaultTimeout); i >= 0 {
		return i
	}
	if c.Close.By == flow.Client {
		return closing(c)
	}
	return -1
}
