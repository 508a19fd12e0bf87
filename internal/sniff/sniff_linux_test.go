package sniff

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fanlight/internal/pcap"
)

// capture opens o and ends it with the test. stop ends it earlier.
func capture(t *testing.T, o Options) (h *Handle, stop func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("capturing needs root")
	}
	ctx, stop := context.WithCancel(t.Context())
	h, err := Open(ctx, o)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); h.Close() })
	return h, stop
}

// rest reads a capture to its end, by batches as an analyser does.
func rest(t *testing.T, h *Handle) (packets []pcap.Packet) {
	t.Helper()
	var b pcap.Batch
	for {
		err := h.NextBatch(&b)
		if err == io.EOF {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Packets {
			p.Data = bytes.Clone(p.Data)
			packets = append(packets, p)
		}
	}
}

// converse sends text from a client to a server and an answer back over TCP,
// and gives the server's port.
func converse(t *testing.T, l net.Listener, text, answer string) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			defer c.Close()
			if _, err = io.ReadFull(c, make([]byte, len(text))); err == nil {
				_, err = io.WriteString(c, answer)
			}
		}
		done <- err
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); err != nil || string(got) != answer {
		t.Fatalf("answer %q, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T, address string) (net.Listener, uint16) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, uint16(l.Addr().(*net.TCPAddr).Port)
}

// tcpPayloads joins what passed to and from a port; a packet that was seen twice
// would show. One that TCP sent again, which a busy machine makes it do, is
// another packet and does not. What is not TCP is left out: ICMP about the
// packets of anybody on this machine is captured too.
func tcpPayloads(packets []pcap.Packet, headerBytes int, port uint16) (toServer, fromServer string) {
	seen, next := map[string]bool{}, map[uint16]uint32{} // by port of the sender
	for _, p := range packets {
		ip := p.Data[headerBytes:]
		protocol, tcp := ip[6], ip[40:]
		if ip[0]>>4 == 4 {
			protocol, tcp = ip[9], ip[int(ip[0]&15)*4:binary.BigEndian.Uint16(ip[2:])]
		}
		if protocol != unix.IPPROTO_TCP {
			continue
		}
		payload := string(tcp[int(tcp[12]>>4)*4:])
		from, seq := binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint32(tcp[4:])
		again := min(max(int(int32(next[from]-seq)), 0), len(payload))
		if _, known := next[from]; known && !seen[string(ip)] {
			payload = payload[again:]
			seq += uint32(again)
		}
		seen[string(ip)] = true
		next[from] = seq + uint32(len(payload))
		if binary.BigEndian.Uint16(tcp[2:]) == port {
			toServer += payload
		} else {
			fromServer += payload
		}
	}
	return toServer, fromServer
}

func TestConversationOnLoopback(t *testing.T) {
	for _, test := range []struct {
		name, address, iface string
		link                 pcap.LinkType
		headerBytes          int
	}{
		{"IPv4", "127.0.0.1:0", "lo", pcap.Ethernet, 14},
		{"IPv6", "[::1]:0", "lo", pcap.Ethernet, 14},
		{"IPv4 on any", "127.0.0.1:0", Any, pcap.LinuxSLL2, 20},
		{"IPv6 on any", "[::1]:0", Any, pcap.LinuxSLL2, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, port := listen(t, test.address)
			other, _ := listen(t, test.address)
			before := time.Now()
			h, stop := capture(t, Options{Interface: test.iface, Ports: []uint16{9, port}})
			if h.Link() != test.link {
				t.Fatalf("link type %v", h.Link())
			}
			long := strings.Repeat("0123456789", 20000)
			converse(t, other, "not wanted", "neither")
			converse(t, l, "question", long)
			stop()
			packets := rest(t, h)
			toServer, fromServer := tcpPayloads(packets, test.headerBytes, port)
			if toServer != "question" || fromServer != long {
				t.Errorf("saw %q and %d bytes, want %d", toServer, len(fromServer), len(long))
			}
			for i, p := range packets {
				when := time.Unix(0, p.Time)
				if p.Number != i+1 || p.Link != test.link || p.Length != len(p.Data) || !p.HasTime ||
					when.Before(before) || when.After(time.Now()) {
					t.Fatalf("packet %d: %+v", i, p)
				}
			}
			if n, lost := h.Stats(); int(n) != len(packets) || lost != 0 {
				t.Errorf("counted %d packets and %d lost, read %d", n, lost, len(packets))
			}
		})
	}
}

func TestSnapLength(t *testing.T) {
	ownNetwork(t)
	l, port := listen(t, "127.0.0.1:0")
	h, stop := capture(t, Options{Interface: "lo", Ports: []uint16{port}, SnapLen: 60})
	converse(t, l, strings.Repeat("x", 1000), "y")
	stop()
	longest := 0
	for _, p := range rest(t, h) {
		if len(p.Data) > 60 {
			t.Errorf("%d bytes kept", len(p.Data))
		}
		longest = max(longest, p.Length)
	}
	if longest != 14+20+32+1000 {
		t.Errorf("longest packet %d", longest)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	ownNetwork(t)
	_, port := listen(t, "127.0.0.1:0")
	h, stop := capture(t, Options{Interface: "lo", Ports: []uint16{port}})
	ended := make(chan error, 1)
	go func() {
		var p pcap.Packet
		ended <- h.Next(&p)
	}()
	stop()
	if err := <-ended; err != io.EOF {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := h.NextBatch(&pcap.Batch{}); err != io.EOF {
		t.Errorf("after Close: %v", err)
	}
}

func TestDropsAreCounted(t *testing.T) {
	ownNetwork(t)
	server, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	h, stop := capture(t, Options{Interface: "lo", Ports: []uint16{uint16(server.LocalAddr().(*net.UDPAddr).Port)}, RingBytes: 1})
	client, err := net.Dial("udp4", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	const sent = 100
	for range sent {
		if _, err := client.Write(make([]byte, 60000)); err != nil {
			t.Fatal(err)
		}
	}
	_, lost := h.Stats()
	if lost == 0 {
		t.Error("nothing lost")
	}
	stop()
	packets := rest(t, h)
	told := 0
	for _, p := range packets {
		told += int(p.Dropped)
	}
	if n, lost := h.Stats(); n != sent || told != int(lost) || len(packets) != int(n-lost) {
		t.Errorf("of %d packets counted %d, %d lost, packets told of %d, %d read", sent, n, lost, told, len(packets))
	}
	if i := h.Interfaces()[0]; i.Received != sent || i.Dropped != int64(lost) || i.Name != "lo" {
		t.Errorf("%+v", i)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, test := range []struct {
		o    Options
		want string
	}{
		{Options{Interface: "eth99"}, "capture on eth99: no such interface (there are: lo, "},
		{Options{Interface: "lo", SnapLen: -1}, "capture on lo: snap length -1 is not within 1 and 262144"},
		{Options{Interface: "lo", RingBytes: -1}, "capture on lo: ring of -1 bytes"},
		{Options{Interface: "lo", Ports: make([]uint16, 1001)}, "capture on lo: 1001 ports are more than the 1000"},
	} {
		h, err := Open(t.Context(), test.o)
		if err == nil {
			h.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			if os.Geteuid() == 0 || !strings.Contains(err.Error(), "CAP_NET_RAW") {
				t.Errorf("%+v: %v, want %s", test.o, err, test.want)
			}
		}
	}
}

func TestOpenWithoutTheRight(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("giving up a right needs root")
	}
	// The thread ends with the test, and the rights given up with it.
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var nothing [2]unix.CapUserData
	if err := unix.Capset(&header, &nothing[0]); err != nil {
		t.Skip(err)
	}
	_, err := Open(t.Context(), Options{Interface: "lo"})
	if err == nil || !strings.HasPrefix(err.Error(), "capture on lo: needs CAP_NET_RAW (setcap cap_net_raw+ep ") {
		t.Error(err)
	}
}

// ownNetwork moves the test, and no other, to a network namespace with the given
// links, where no packets of others are. It goes with the test's thread.
func ownNetwork(t *testing.T, links ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip(err)
	}
	for _, args := range append(links, "link set lo up") {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %s", args, out)
		}
	}
}

// wire makes two interfaces that are the ends of one wire, in a network of the
// test's own; sending on wire0 arrives on wire1.
func wire(t *testing.T) (send func(frame []byte)) {
	t.Helper()
	ownNetwork(t, "link add name wire0 type veth peer name wire1", "link set wire0 up", "link set wire1 up")
	end, err := net.InterfaceByName("wire0")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return func(frame []byte) {
		t.Helper()
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: end.Index}); err != nil {
			t.Fatal(err)
		}
	}
}

// frame is an Ethernet frame with what stands after the addresses.
func frame(afterAddresses ...[]byte) []byte {
	return append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}, slices.Concat(afterAddresses...)...)
}

func etherType(v ...uint16) (b []byte) {
	for _, x := range v {
		b = binary.BigEndian.AppendUint16(b, x)
	}
	return b
}

// ip4 and ip6 are packets with the transport's first bytes given.
func ip4(protocol byte, options int, fragment uint16, transport []byte) []byte {
	b := make([]byte, 20+4*options)
	b[0], b[8], b[9] = 0x45+byte(options), 64, protocol
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+len(transport)))
	binary.BigEndian.PutUint16(b[6:], fragment)
	return append(b, transport...)
}

func ip6(protocol byte, transport []byte) []byte {
	b := make([]byte, 40)
	b[0], b[6], b[7] = 0x60, protocol, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(transport)))
	return append(b, transport...)
}

func ports(source, destination uint16) []byte {
	return append(etherType(source, destination), make([]byte, 16)...)
}

func TestFilterOnTheWire(t *testing.T) {
	tag := etherType(0x8100, 5)
	wanted := map[string][]byte{
		"TCP to":            frame(etherType(0x0800), ip4(6, 0, 0, ports(1000, 443))),
		"TCP from":          frame(etherType(0x0800), ip4(6, 0, 0x4000, ports(8443, 1000))),
		"IP options":        frame(etherType(0x0800), ip4(6, 3, 0, ports(1000, 443))),
		"UDP":               frame(etherType(0x0800), ip4(17, 0, 0, ports(1000, 443))),
		"later fragment":    frame(etherType(0x0800), ip4(17, 0, 7, ports(1, 2))),
		"IPv6":              frame(etherType(0x86dd), ip6(6, ports(443, 1000))),
		"IPv6 fragment":     frame(etherType(0x86dd), ip6(44, ports(1, 2))),
		"unreachable":       frame(etherType(0x0800), ip4(1, 0, 0, append([]byte{3, 1, 0, 0, 0, 0, 0, 0}, ip4(6, 0, 0, ports(1000, 443))...))),
		"time exceeded":     frame(etherType(0x0800), ip4(1, 0, 0, append([]byte{11, 0, 0, 0, 0, 0, 0, 0}, ip4(6, 0, 0, ports(1000, 443))...))),
		"packet too big":    frame(etherType(0x86dd), ip6(58, append([]byte{2, 0, 0, 0, 0, 0, 5, 0}, ip6(6, ports(1000, 443))...))),
		"VLAN":              frame(tag, etherType(0x0800), ip4(6, 0, 0, ports(1000, 443))),
		"two VLAN tags":     frame(etherType(0x88a8, 7), tag, etherType(0x0800), ip4(6, 0, 0, ports(1000, 443))),
		"VLAN with IPv6":    frame(tag, etherType(0x86dd), ip6(17, ports(1000, 443))),
		"two VLANs of IPv6": frame(tag, tag, etherType(0x86dd), ip6(17, ports(1000, 443))),
	}
	unwanted := map[string][]byte{
		"other ports":         frame(etherType(0x0800), ip4(6, 0, 0, ports(1000, 1001))),
		"ports in the wrong":  frame(etherType(0x0800), ip4(6, 3, 0, append(ports(1, 2), etherType(443, 443)...))),
		"ICMP":                frame(etherType(0x0800), ip4(1, 0, 0, ports(443, 443))),
		"fragment of ICMP":    frame(etherType(0x0800), ip4(1, 0, 7, ports(443, 443))),
		"echo":                frame(etherType(0x0800), ip4(1, 0, 0, []byte{8, 0, 0, 0, 1, 187, 1, 187})),
		"ICMPv6":              frame(etherType(0x86dd), ip6(58, append([]byte{135, 0, 0, 0}, ports(443, 443)...))),
		"other ports in VLAN": frame(tag, etherType(0x0800), ip4(6, 0, 0, ports(1000, 1001))),
		"ARP":                 frame(etherType(0x0806), make([]byte, 46)),
		"cut short":           frame(etherType(0x0800), ip4(6, 0, 0, nil)),
	}
	for _, iface := range []string{"wire1", Any} {
		t.Run(iface, func(t *testing.T) {
			send := wire(t)
			h, stop := capture(t, Options{Interface: iface, Ports: []uint16{443, 8443}})
			for _, f := range unwanted {
				send(f)
			}
			for _, f := range wanted {
				send(f)
			}
			stop()
			seen := map[string]int{}
			left := 0
			for _, p := range rest(t, h) {
				if p.Direction == pcap.Outbound {
					left++
					continue
				}
				data := p.Data
				if iface == Any {
					data = append(bytes.Clone(wanted["TCP to"][:12]), uncooked(t, data)...)
				}
				if p.Length != len(p.Data) {
					t.Errorf("length %d of %d bytes", p.Length, len(p.Data))
				}
				seen[string(data)]++
			}
			if iface == Any && left != len(wanted) {
				t.Errorf("%d packets left, want %d", left, len(wanted))
			}
			for name, f := range wanted {
				if seen[string(f)] != 1 {
					t.Errorf("%s: arrived %d times", name, seen[string(f)])
				}
				delete(seen, string(f))
			}
			for f := range seen {
				t.Errorf("unexpected packet %x", f)
			}
		})
	}
}

// TestTsharkReadsCookedPackets has another program read the header that is made here.
func TestTsharkReadsCookedPackets(t *testing.T) {
	program, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip(err)
	}
	send := wire(t)
	h, stop := capture(t, Options{Ports: []uint16{443}})
	send(frame(etherType(0x8100, 5), etherType(0x0800), ip4(6, 0, 0, append(ports(1000, 443)[:12], 0x50, 2, 0, 0, 0, 0, 0, 0))))
	stop()
	var file bytes.Buffer
	w := pcap.NewWriter(&file, pcap.WriterOptions{})
	w.AddInterface(h.Link(), DefaultSnapLen, Any)
	for _, p := range rest(t, h) {
		if p.Direction != pcap.Inbound {
			continue
		}
		if err := w.WritePacket(0, p.Time, p.Length, p.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-n", "-r", "-", "-T", "fields", "-E", "separator=/s", "-e", "sll.pkttype", "-e", "sll.hatype",
		"-e", "sll.halen", "-e", "sll.src.eth", "-e", "sll.etype", "-e", "vlan.id", "-e", "tcp.dstport", "-e", "tcp.flags")
	cmd.Stdin = &file
	out, err := cmd.Output()
	if want := "3 1 6 02:00:00:00:00:01 0x8100 5 443 0x0002"; err != nil || strings.TrimSpace(string(out)) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}

// uncooked is what followed the addresses of the Ethernet frame.
func uncooked(t *testing.T, data []byte) []byte {
	t.Helper()
	if hardware := binary.BigEndian.Uint16(data[8:]); hardware != unix.ARPHRD_ETHER || data[11] != 6 {
		t.Errorf("header %x", data[:20])
	}
	if index := binary.BigEndian.Uint32(data[4:]); index == 0 {
		t.Errorf("header %x", data[:20])
	}
	return append(bytes.Clone(data[:2]), data[20:]...)
}

func TestInterfaceGoesAway(t *testing.T) {
	wire(t)
	h, _ := capture(t, Options{Interface: "wire1"})
	if out, err := exec.Command("ip", "link", "del", "wire0").CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	var err error
	for b := (pcap.Batch{}); err == nil; {
		err = h.NextBatch(&b)
	}
	if err == io.EOF || err.Error() != "capture on wire1: the interface is down" {
		t.Error(err)
	}
	if _, err := Open(t.Context(), Options{Interface: "wire1"}); err == nil || !strings.Contains(err.Error(), "no such interface") {
		t.Error(errors.Join(err, errors.New("opened")))
	}
}

// BenchmarkBulk captures a transfer over the loopback interface while it runs.
func BenchmarkBulk(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("capturing needs root")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, c)
		}
	}()
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	h, err := Open(ctx, Options{Interface: "lo", Ports: []uint16{uint16(l.Addr().(*net.TCPAddr).Port)}, RingBytes: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	seen := make(chan int64)
	go func() {
		var batch pcap.Batch
		var n int64
		for h.NextBatch(&batch) == nil {
			for i := range batch.Packets {
				n += int64(len(batch.Packets[i].Data))
			}
		}
		seen <- n
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	data := make([]byte, 1<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := c.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	n := <-seen
	packets, lost := h.Stats()
	b.ReportMetric(float64(n)/float64(b.N)/float64(len(data)), "seen/sent")
	b.ReportMetric(float64(lost)/float64(packets), "lost/packet")
}
