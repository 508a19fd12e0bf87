package machine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
)

// Listeners gives every TCP listener of this network namespace, sorted by port
// and address. The program is known for those processes this one may look at:
// all for root, else those of the same user.
func Listeners() ([]Holder, error) {
	ls, err := readListeners("/proc")
	if err != nil {
		return nil, fmt.Errorf("list listening programs: %w", err)
	}
	owners := socketOwners("/proc", ls)
	v6only := v6onlySockets()
	for i := range ls {
		h := &ls[i]
		if p, found := owners[h.Inode]; found {
			h.PID, h.Program = p.pid, p.program()
		}
		if h.Addr.Addr().Is6() {
			h.V6Only = v6only[h.Inode]
		}
	}
	return sortHolders(ls), nil
}

func readListeners(proc string) ([]Holder, error) {
	var all []Holder
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(proc + "/net/" + name)
		if errors.Is(err, fs.ErrNotExist) && name == "tcp6" {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		ls, err := parseListeners(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name(), err)
		}
		all = append(all, ls...)
	}
	return all, nil
}

// parseListeners reads the table of sockets described in proc_pid_net(5). A
// busy machine has a hundred thousand lines of which a dozen listen, so that
// others are passed over unparsed.
func parseListeners(r io.Reader) ([]Holder, error) {
	const local, state, uid, inode = 1, 3, 7, 9
	var ls []Holder
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		field := bytes.Fields(lines.Bytes())
		if number == 1 || len(field) <= inode || string(field[state]) != "0A" {
			continue
		}
		h := Holder{UID: -1}
		var err error
		if h.Addr, err = parseAddress(field[local]); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if h.Inode, err = strconv.ParseUint(string(field[inode]), 10, 64); err != nil {
			return nil, fmt.Errorf("line %d: read inode: %w", number, err)
		}
		if n, err := strconv.Atoi(string(field[uid])); err == nil {
			h.UID = n
		}
		ls = append(ls, h)
	}
	return ls, lines.Err()
}

// parseAddress reads an address such as 0100007F:01BB: 32-bit words in the
// machine's own byte order, then the port.
func parseAddress(s []byte) (netip.AddrPort, error) {
	var none netip.AddrPort
	host, port, found := bytes.Cut(s, []byte(":"))
	raw := make([]byte, hex.DecodedLen(len(host)))
	if _, err := hex.Decode(raw, host); err != nil || !found {
		return none, fmt.Errorf("read address %q: expected hexadecimal ADDRESS:PORT", s)
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	n, err := strconv.ParseUint(string(port), 16, 16)
	if !ok || err != nil {
		return none, fmt.Errorf("read address %q: expected hexadecimal ADDRESS:PORT", s)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}
