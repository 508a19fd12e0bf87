package rules

import (
	"fmt"

	"fanlight/internal/explain"
	"fanlight/internal/flow"
)

var captureIncomplete = explain.Rule{
	ID:       "capture-incomplete",
	Title:    "The capture does not show all that passed",
	Severity: explain.Warning,
	Guard:    true,
	Doc: explain.Page{
		Means:   "The packets in the file are not the packets that were on the wire. This says nothing about the connections themselves; it says which conclusions the file cannot carry.",
		Looks:   "Acknowledgements for bytes that are not in the file, only one direction of a conversation, packets shorter than their own length field, segments longer than the path takes, each packet twice, times that go back. Wireshark marks the first as `ACKed segment that wasn't captured`.",
		Why:     "The capture's buffer was too small for the traffic; it ran beside the path (a mirror port, one leg of a pair of links); it was told to keep only the beginning of each packet; it was started late; it listened on several interfaces at once.",
		Fixes:   []explain.Fix{captureAgain},
		Confirm: "`tcpdump` and `dumpcap` print at their end how many packets the kernel dropped. `capinfos FILE` shows the snap length and whether the times are in order.",
		LookAlikes: []explain.Alike{
			{ID: "loss in the network", Difference: "the bytes are sent again, and no acknowledgement covers them before that"},
			{ID: "syn-unanswered", Difference: "the client never acknowledges anything, because nothing came back"},
		},
		References: []string{"tcpdump(1), options -B and -s", "Wireshark User's Guide, TCP analysis", "RFC 9293 section 3.4 (acknowledgements)"},
	},
	Check: checkCapture,
}

var captureAgain = fix(explain.Network, "tcpdump", "Capture again: whole packets, a large buffer, one interface, from before the first connection:",
	"tcpdump -i eth0 -s 0 -B 65536 -w again.pcap 'tcp port 443'")

// flawText is what a flaw of captures means.
type flawText struct {
	flaw     string
	severity explain.Severity
	title    string
	what     string // of the connections, after "3 of 7 connections "
	so       string // what cannot be concluded
	next     explain.Fix
}

func flawTexts() []flawText {
	return []flawText{
		{flow.FlawOneSided, explain.Warning, "Only one direction was captured",
			"are there with the packets of one side only, which answer packets that are not in the file.",
			"Whether the other side answered, and what, cannot be told.",
			fix(explain.Network, "tcpdump", "Capture on one of the two machines, or let the switch mirror both directions of the port:", "tcpdump -i eth0 -s 0 -w both.pcap 'host 192.0.2.10 and tcp port 443'")},
		{explain.FlawLost, explain.Warning, "The capture lost packets",
			"lack bytes that their receiver acknowledged: they arrived, and the capture did not keep them.",
			"What seems not to have happened there may be in what was lost. Findings that rest on silence are only possible.",
			fix(explain.Network, "tcpdump", "Capture again with a larger buffer and a narrower filter, and look for `packets dropped by kernel` at the end:", "tcpdump -i eth0 -s 0 -B 65536 -w again.pcap 'tcp port 443'")},
		{flow.FlawCut, explain.Warning, "Packets were cut short by the capture",
			"have packets of which only the beginning was kept.",
			"Their content cannot be read past the first cut, also with keys.",
			fix(explain.Network, "tcpdump", "Capture again without a snap length:", "tcpdump -i eth0 -s 0 -w again.pcap 'tcp port 443'")},
		{explain.FlawMidStream, explain.Note, "The capture began in the middle of connections",
			"began before the capture.",
			"Their handshake is not in it: no name, no version, no certificate, and no decryption.",
			fix(explain.Client, "", "Start the capture first, then make the client connect anew: restart it, or close its idle connections.")},
		{flow.FlawMerged, explain.Note, "Segments were captured before the network card divided them",
			"have segments that are longer than the path takes, and bytes that were sent again.",
			"The sizes on the wire are not known, so that this file cannot show whether large packets are lost on the way.",
			fix(explain.Network, "Linux", "Capture on the other machine or on a mirror port; or switch the division in the card off for the time of the capture:", "ethtool -K eth0 tso off gso off gro off")},
		{flow.FlawTwice, explain.Note, "Packets were captured twice",
			"have packets that are in the file twice within a millisecond.",
			"Bytes that seem to be sent again were sent once.",
			fix(explain.Network, "Wireshark", "Capture on one interface instead of all (`-i any`, a bridge and its port), or remove the copies:", "editcap -d in.pcapng out.pcapng")},
		{flow.FlawClock, explain.Note, "The clock was set back during the capture",
			"have packets with times before those in front of them.",
			"Durations on them may be wrong.",
			fix(explain.Network, "", "Wait until the clock is in step before capturing again; files of several machines need clocks that agree:", "chronyc tracking", "w32tm /query /status")},
	}
}

func checkCapture(p *explain.Pass) {
	looked := 0
	with := map[string][]*flow.Conn{}
	for _, c := range p.Conns() {
		if c.Self != flow.Unknown {
			continue // not from a capture
		}
		looked++
		for _, flaw := range explain.Flaws(c) {
			if flaw != flow.FlawMerged || find(c, 0, flow.Unknown, flow.Retransmission) >= 0 {
				with[flaw] = append(with[flaw], c)
			}
		}
	}
	for _, text := range flawTexts() {
		if conns := with[text.flaw]; len(conns) > 0 {
			reportFlaw(p, text, conns, looked)
		}
	}
}

// flawsShown bounds how many connections a finding about a capture names.
const flawsShown = 20

func reportFlaw(p *explain.Pass, text flawText, conns []*flow.Conn, looked int) {
	f := explain.Finding{
		Confidence: explain.Proof,
		Title:      text.title,
		Cause:      fmt.Sprintf("%d of %d connections %s %s", len(conns), looked, text.what, text.so),
		Fixes:      []explain.Fix{text.next},
	}
	for _, c := range conns[:min(len(conns), flawsShown)] {
		f.Conns = append(f.Conns, c.ID)
	}
	for _, c := range conns[:min(len(conns), 3)] {
		f.Evidence = append(f.Evidence, explain.At(c, explain.FlawAt(c, text.flaw), flawEvidence(c, text.flaw)))
	}
	p.ReportAs(text.severity, f)
}

func flawEvidence(c *flow.Conn, flaw string) string {
	e := &c.Events[explain.FlawAt(c, flaw)]
	switch {
	case flaw == explain.FlawLost:
		return fmt.Sprintf("%d bytes of the %s were acknowledged and are not in the file", e.Bytes, e.From)
	case flaw == flow.FlawOneSided:
		return "only packets of the " + e.From.String()
	case flaw == explain.FlawMidStream:
		return "no SYN"
	case e.Attr(flow.KeyPackets) != "":
		return flaw + ": " + e.Attr(flow.KeyPackets) + " packets"
	}
	return flaw
}
