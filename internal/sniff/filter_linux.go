package sniff

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// maxPorts keeps the program within what the kernel takes (BPF_MAXINSNS, 4096).
const maxPorts = 1000

// filter is the classic BPF program for packets that begin as an Ethernet frame
// or, if cooked, as what a frame carries. Of packets on the interface with the
// index loopback it lets pass only one of the two copies there are.
func filter(o Options, cooked bool, loopback int) ([]bpf.RawInstruction, error) {
	keep := bpf.RetConstant{Val: uint32(o.SnapLen)}
	var p []bpf.Instruction
	if loopback > 0 {
		p = append(p, dropEcho(loopback)...)
	}
	if len(o.Ports) > 0 {
		p = append(p, networkLayer(cooked)...)
		p = append(p, transportLayer(keep)...)
		p = append(p, anyPort(o.Ports, 0, keep)...)
		p = append(p, anyPort(o.Ports, 2, keep)...)
		p = append(p, bpf.RetConstant{})
	}
	return bpf.Assemble(append(p, keep))
}

// none lets nothing pass.
func none() ([]bpf.RawInstruction, error) {
	return bpf.Assemble([]bpf.Instruction{bpf.RetConstant{}})
}

// dropEcho drops what leaves through the loopback interface: it comes in there
// right after.
func dropEcho(loopback int) []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtInterfaceIndex},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(loopback), SkipTrue: 3},
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1},
		bpf.RetConstant{},
	}
}

// networkLayer puts the EtherType into A and the offset of the network layer
// into X, past two VLAN tags at most. Tags that the kernel took off are not in
// the packet.
func networkLayer(cooked bool) []bpf.Instruction {
	at := uint32(14)
	p := []bpf.Instruction{bpf.LoadAbsolute{Off: 12, Size: 2}}
	if cooked {
		at = 0
		p = cookedProtocol()
	}
	p = append(p, bpf.LoadConstant{Dst: bpf.RegX, Val: at})
	for range 2 {
		p = append(p,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_8021Q, SkipTrue: 1},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_8021AD, SkipTrue: 2},
			bpf.LoadAbsolute{Off: at + 2, Size: 2},
			bpf.LoadConstant{Dst: bpf.RegX, Val: at + 4})
		at += 4
	}
	return p
}

// cookedProtocol puts the EtherType of a packet without a frame into A. Of what
// leaves with a VLAN tag the kernel names the tag, but begins with IP.
func cookedProtocol() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 8},
		bpf.LoadAbsolute{Off: 0, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 4, SkipTrue: 2},
		bpf.LoadConstant{Dst: bpf.RegA, Val: unix.ETH_P_IP},
		bpf.Jump{Skip: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 6, SkipTrue: 2},
		bpf.LoadConstant{Dst: bpf.RegA, Val: unix.ETH_P_IPV6},
		bpf.Jump{Skip: 1},
		bpf.LoadExtension{Num: bpf.ExtProto},
	}
}

// Types of ICMP (RFC 792, RFC 4443): those of ICMPv6 below firstInformation are
// errors.
const (
	unreachable      = 3
	timeExceeded     = 11
	firstInformation = 128
)

// transportLayer moves X to the transport layer and ends the program for what
// is neither TCP nor UDP. Fragments that hold no ports are kept: they may belong
// to a packet that is wanted. So may what ICMP says was not delivered.
func transportLayer(keep bpf.RetConstant) []bpf.Instruction {
	drop := bpf.RetConstant{}
	v6 := []bpf.Instruction{
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: 1},
		drop,
		bpf.LoadIndirect{Off: 6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_FRAGMENT, SkipTrue: 1},
		keep,
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 4},
		bpf.LoadIndirect{Off: 40, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: firstInformation, SkipTrue: 1},
		drop,
		keep,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: 1},
		drop,
		bpf.TXA{},
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 40},
		bpf.TAX{},
	}
	v4 := []bpf.Instruction{
		bpf.LoadIndirect{Off: 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_ICMP, SkipTrue: 5},
		bpf.LoadIndirect{Off: 20, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unreachable, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: timeExceeded, SkipTrue: 1},
		drop,
		keep,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: 1},
		drop,
		bpf.LoadIndirect{Off: 6, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: 0x1fff, SkipTrue: 1},
		keep,
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x0f},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2},
		bpf.ALUOpX{Op: bpf.ALUOpAdd},
		bpf.TAX{},
		bpf.Jump{Skip: uint32(len(v6))},
	}
	p := []bpf.Instruction{bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IP, SkipTrue: uint8(len(v4))}}
	return append(append(p, v4...), v6...)
}

// anyPort keeps a packet whose port at an offset from X is one of ports.
func anyPort(ports []uint16, off uint32, keep bpf.RetConstant) []bpf.Instruction {
	p := []bpf.Instruction{bpf.LoadIndirect{Off: off, Size: 2}}
	for _, port := range ports {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(port), SkipTrue: 1}, keep)
	}
	return p
}
