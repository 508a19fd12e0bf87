// Package query is the language in which records are chosen: it parses an
// expression, points at its faults, and tells which connections and exchanges
// it matches.
//
// Fields have Wireshark's names where Wireshark has them (see Fields), and so
// do the operators:
//
//	==  eq    equal; of a field with several values: one of them is
//	!=  ne    observed, and no value is equal
//	< <= > >= lt le gt ge
//	          numbers, sizes, durations, times and versions
//	contains  text that holds the text; letter case counts
//	matches ~ text that matches the regular expression (RE2)
//	in        one of {a b c}; of what has an order also {400..499}
//	not in    observed, and no value is one of them
//	! not     && and     || or     ( )
//
// A field alone matches what has it; one that is yes or no matches where it is
// yes. Text is written "quoted" or, without blanks, signs and brackets, as it
// is; in quotes \" and \\ stand for " and \, any other backslash for itself.
// Sizes have the units B kB MB GB KiB MiB GiB, durations ns us ms s m h, and
// seconds without; times are RFC 3339, addresses may be networks (10.0.0.0/8).
//
// A field that was not observed matches no comparison, != included; only
// !FIELD and other negations match it. Old versions of Wireshark took != of a
// field with several values for "one of them differs"; here, as in Wireshark
// since 4.0, none may be equal. Regular expressions see letter case, unlike
// Wireshark's: write (?i) in front for one that does not.
package query
