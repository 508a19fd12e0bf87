package archive

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// TestManyMembers: a list of a million members is not taken into memory.
func TestManyMembers(t *testing.T) {
	const members = maxDirectory/47 + 1000
	record := make([]byte, 47) // of an empty member whose name is one byte
	copy(record, "PK\x01\x02")
	record[28], record[46] = 1, 'a'
	file := append([]byte("PK\x03\x04"), bytes.Repeat(record, members)...)
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], members&0xffff)
	binary.LittleEndian.PutUint16(end[10:], members&0xffff)
	binary.LittleEndian.PutUint32(end[12:], members*47)
	binary.LittleEndian.PutUint32(end[16:], 4)
	file = append(file, end...)
	_, err := ReadSAZ(bytes.NewReader(file), int64(len(file)), "x.saz")
	if err == nil || !strings.Contains(err.Error(), "list of members is larger") {
		t.Errorf("error %v", err)
	}
}
