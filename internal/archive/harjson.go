package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readEntries calls do for each entry of an archive. It holds one at a time: a
// file of empty ones would take a hundred times its size.
func readEntries(d *json.Decoder, do func(*entry) error) error {
	logs, n := 0, 0
	err := members(d, "log", func() error {
		logs++
		return members(d, "entries", func() error {
			return elements(d, func() error {
				if n++; n > maxEntries {
					return fmt.Errorf("it has more than %d entries", maxEntries)
				}
				var e entry
				if err := d.Decode(&e); err != nil {
					return err
				}
				if err := do(&e); err != nil {
					return fmt.Errorf("entry %d: %w", n, err)
				}
				return nil
			})
		})
	})
	if err == nil && logs == 0 {
		return errors.New("it has no log")
	}
	return err
}

// members walks the object that comes next: take reads the value of the members
// of a name, the others are passed over.
func members(d *json.Decoder, name string, take func() error) error {
	return within(d, '{', func() error {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if text, _ := key.(string); strings.EqualFold(text, name) {
			return take()
		}
		var other json.RawMessage
		return d.Decode(&other)
	})
}

// elements walks the array that comes next; take reads one element.
func elements(d *json.Decoder, take func() error) error { return within(d, '[', take) }

func within(d *json.Decoder, open json.Delim, each func() error) error {
	switch t, err := d.Token(); {
	case err != nil:
		return err
	case t == nil: // null
		return nil
	case t != open:
		return fmt.Errorf("%v at byte %d: expected %s", t, d.InputOffset(), open)
	}
	for d.More() {
		if err := whole(each()); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return whole(err)
}

// whole tells the end of the file inside a value from one in front of it.
func whole(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fields are the first header fields of a message; further ones are left out.
type fields []field

// errEnough ends a walk.
var errEnough = errors.New("there are enough")

// UnmarshalJSON reads no more than maxFields.
func (f *fields) UnmarshalJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	err := elements(d, func() error {
		if len(*f) == maxFields {
			return errEnough
		}
		*f = append(*f, field{})
		return d.Decode(&(*f)[len(*f)-1])
	})
	if err == errEnough {
		return nil
	}
	return err
}
