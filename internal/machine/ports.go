package machine

import "net/netip"

// PortRow is one listener and what it does to the others.
type PortRow struct {
	Addr       netip.AddrPort   `json:"addr"`
	Program    string           `json:"program,omitempty"`
	PID        int              `json:"pid,omitempty"`
	UID        *int             `json:"uid,omitempty"`
	V6Only     string           `json:"v6only,omitempty"`      // yes, no; absent: IPv4, or not observed
	Shadows    []netip.AddrPort `json:"shadows,omitempty"`     // listeners on addresses this wildcard takes too
	ShadowedBy []netip.AddrPort `json:"shadowed_by,omitempty"` // wildcards that take this address too
}

// PortTable is the table of listeners, sorted by port and address. With a port
// in want, only those on it; with an address too, only those that decide what
// happens at it.
func PortTable(ls []Holder, want netip.AddrPort) []PortRow {
	ls = sortHolders(append([]Holder(nil), ls...))
	shown := ls
	if want.Addr().IsValid() {
		shown = sortHolders(Shadows(ls, want))
	}
	rows := make([]PortRow, 0, len(shown))
	for _, h := range shown {
		if want.Port() == 0 || h.Addr.Port() == want.Port() {
			rows = append(rows, portRow(h, ls))
		}
	}
	return rows
}

func portRow(h Holder, ls []Holder) PortRow {
	row := PortRow{Addr: h.Addr, Program: h.Program, PID: h.PID, V6Only: h.V6Only.String()}
	if h.UID >= 0 {
		row.UID = &h.UID
	}
	for _, other := range ls {
		if other.Addr == h.Addr || other.Addr.Port() != h.Addr.Port() {
			continue
		}
		if takes, sure := h.takes(other.Addr.Addr()); takes && sure {
			row.Shadows = append(row.Shadows, other.Addr)
		}
		if takes, sure := other.takes(h.Addr.Addr()); takes && sure {
			row.ShadowedBy = append(row.ShadowedBy, other.Addr)
		}
	}
	return row
}
