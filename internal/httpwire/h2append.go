package httpwire

import "encoding/binary"

// AppendFrameHead appends the header of a frame whose payload, of that length,
// the caller appends.
func AppendFrameHead(dst []byte, length int, kind FrameType, flags byte, stream uint32) []byte {
	dst = append(dst, byte(length>>16), byte(length>>8), byte(length), byte(kind), flags)
	return binary.BigEndian.AppendUint32(dst, stream)
}

// AppendData appends a DATA frame. data must not be longer than the other side's
// MAX_FRAME_SIZE.
func AppendData(dst []byte, stream uint32, data []byte, end bool) []byte {
	return append(AppendDataHead(dst, stream, len(data), end), data...)
}

// AppendDataHead appends the header of a DATA frame of n bytes.
func AppendDataHead(dst []byte, stream uint32, n int, end bool) []byte {
	return AppendFrameHead(dst, n, FrameData, endFlag(end), stream)
}

func endFlag(end bool) byte {
	if end {
		return h2FlagEndStream
	}
	return 0
}

// AppendBlock appends HEADERS, and CONTINUATION as often as maxFrame makes
// needful.
func AppendBlock(dst []byte, stream uint32, block []byte, end bool, maxFrame int) []byte {
	kind, flags := FrameHeaders, endFlag(end)
	for {
		n := min(len(block), maxFrame)
		if n == len(block) {
			flags |= h2FlagEndHeaders
		}
		dst = append(AppendFrameHead(dst, n, kind, flags, stream), block[:n]...)
		if block = block[n:]; len(block) == 0 {
			return dst
		}
		kind, flags = FrameContinuation, 0
	}
}

// EndBlock makes a HEADERS frame of the bytes of dst from start, which are room
// of FrameHeadLength and a field block behind it; CONTINUATION follows where
// the block is longer than maxFrame.
func EndBlock(dst []byte, start int, stream uint32, end bool, maxFrame int) []byte {
	n := len(dst) - start - h2HeadLength
	if n > maxFrame {
		block := append([]byte(nil), dst[start+h2HeadLength:]...)
		return AppendBlock(dst[:start], stream, block, end, maxFrame)
	}
	AppendFrameHead(dst[:start], n, FrameHeaders, endFlag(end)|h2FlagEndHeaders, stream)
	return dst
}

// AppendReset appends RST_STREAM.
func AppendReset(dst []byte, stream, code uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendFrameHead(dst, 4, FrameReset, 0, stream), code)
}

// AppendSettings appends SETTINGS.
func AppendSettings(dst []byte, settings ...H2Setting) []byte {
	dst = AppendFrameHead(dst, 6*len(settings), FrameSettings, 0, 0)
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, s.ID)
		dst = binary.BigEndian.AppendUint32(dst, s.Value)
	}
	return dst
}

// AppendSettingsAck appends the acknowledgement of SETTINGS.
func AppendSettingsAck(dst []byte) []byte {
	return AppendFrameHead(dst, 0, FrameSettings, h2FlagAck, 0)
}

// AppendPing appends PING.
func AppendPing(dst []byte, data [8]byte, ack bool) []byte {
	flags := byte(0)
	if ack {
		flags = h2FlagAck
	}
	return append(AppendFrameHead(dst, 8, FramePing, flags, 0), data[:]...)
}

// AppendGoAway appends GOAWAY with a word for who reads the other side's record.
func AppendGoAway(dst []byte, last, code uint32, debug string) []byte {
	dst = AppendFrameHead(dst, 8+len(debug), FrameGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, last)
	dst = binary.BigEndian.AppendUint32(dst, code)
	return append(dst, debug...)
}

// AppendWindow appends WINDOW_UPDATE; stream 0 is the connection.
func AppendWindow(dst []byte, stream, increment uint32) []byte {
	return binary.BigEndian.AppendUint32(AppendFrameHead(dst, 4, FrameWindow, 0, stream), increment)
}

// AppendPriorityUpdate appends PRIORITY_UPDATE (RFC 9218, section 7.1).
func AppendPriorityUpdate(dst []byte, stream uint32, value string) []byte {
	dst = AppendFrameHead(dst, 4+len(value), FramePriorityUpdate, 0, 0)
	return append(binary.BigEndian.AppendUint32(dst, stream), value...)
}
