package operator

import "strings"

// sqlMeaning is what a value holds that can be part of an injection.
type sqlMeaning uint8

const (
	sqlOperator sqlMeaning = 1 << iota
	sqlNumber
	sqlKeyword // tells with an operator
	sqlLogic   // tells with a number, an operator, or another of its kind
	sqlTells
)

// sqlWords are the words that libinjection-go 0.3.3 takes for more than names, by
// what they mean to it. Of those that only mean something together it is enough to
// know one.
var sqlWords = newWordList(map[sqlMeaning]string{
	sqlOperator: `
		between div eqv is like mod not regexp rlike similar sounds uescape`,
	sqlNumber: `
		binary_double_infinity binary_double_nan binary_float_infinity binary_float_nan false true`,
	sqlKeyword: `
		abort accessible against all_users alter analyze as asc asensitive autoincrement before blob both cascade change column condition constraint
		continue count_big current current_date current_path current_server current_time current_timestamp current_timezone current_user cursor
		databases day_hour day_microsecond day_minute day_second dec default delay delayed desc describe deterministic distinct distinctrow each
		else elseif enclosed escaped exit explain fetch force foreign from fulltext function grant high_priority hour_microsecond hour_minute
		hour_second if iff ifnull ignore in index infile inner inout insensitive interval into iterate join keys kill leading leave linear lines
		localtime localtimestamp lock longblob longtext loop low_priority master_bind master_ssl_verify_server_cert match maxvalue mediumblob
		mediumint mediumtext merge middleint minute_microsecond minute_second modifies natural notnull nowait no_write_to_binlog null offset
		one_shot open optimize option optionally outer precision primary procedure purge range read reads read_write references release rename
		repeat replace require resignal restrict return revoke rollup schema schemas second_microsecond sensitive separator signal similar spatial
		specific sql sqlexception sqlstate sqlwarning sql_big_result sql_buffer_result sql_cache sql_calc_found_rows sql_no_cache sql_small_result
		ssl starting straight_join syscolumns sysobjects sysusers terminated then time tinyblob tinyint tinytext top trigger undo unknown unlock
		unsigned usage utc_date utc_time utc_timestamp value values varbinary varcharacter varying wait when where xp_execresultset year_month
		zerofill`,
	sqlLogic: `
		and or xor`,
	sqlTells: `
		anyarray anyelement anynonarry begin bigint bigserial binary boolean bytea call case character collate create cstring decimal declare delete
		double drop dumpfile except exec execute float float4 float8 go goto group handler having insert int int1 int2 int3 int4 int8 integer
		intersect limit load money numeric oid order outfile own3d partition print raiseerror real regclass regconfig regdictionary regoper
		regoperator regproc regprocedure regtype select serial serial2 serial4 serial8 set shutdown smallint smallserial text timestamp try union
		uni_on update use varchar void waitfor while _armscii8 _ascii _big5 _binary _cp1250 _cp1251 _cp1257 _cp850 _cp852 _cp866 _cp932 _dec8
		_eucjpms _euckr _gb2312 _gbk _geostd8 _greek _hebrew _hp8 _keybcs2 _koi8r _koi8u _latin1 _latin2 _latin5 _latin7 _macce _macroman _sjis
		_swe7 _tis620 _ujis _usc2 _utf8`,
})

// wordList finds words by their length, first, middle and last letter.
type wordList struct {
	from  [buckets + 1]uint16 // where in words a bucket begins
	words []meaningWord
}

type meaningWord struct {
	text  string // in lower case
	means sqlMeaning
}

const buckets = 1024

// bucket spreads words that are not empty.
func bucket(word string) uint32 {
	n := len(word)
	h := uint32(n) | uint32(word[0]|0x20)<<8 | uint32(word[n/2]|0x20)<<16 | uint32(word[n-1]|0x20)<<24
	return h * 0x9e3779b1 >> 22
}

func newWordList(lists map[sqlMeaning]string) *wordList {
	means := map[string]sqlMeaning{}
	for meaning, list := range lists {
		for _, word := range strings.Fields(list) {
			means[word] |= meaning
		}
	}
	var sorted [buckets][]meaningWord
	for word, meaning := range means {
		sorted[bucket(word)] = append(sorted[bucket(word)], meaningWord{word, meaning})
	}
	l := &wordList{}
	for i, words := range sorted {
		l.words = append(l.words, words...)
		l.from[i+1] = uint16(len(l.words))
	}
	return l
}

// means is what a word means, in capitals or not.
func (l *wordList) means(word string) sqlMeaning {
	at := bucket(word)
	for i := l.from[at]; i < l.from[at+1]; i++ {
		if w := &l.words[i]; len(w.text) == len(word) && strings.EqualFold(w.text, word) {
			return w.means
		}
	}
	return 0
}

// meansNothing tells that a value which has no byte that tells is no injection.
//
// libinjection makes a fingerprint of the kinds of the first tokens. Those in its
// list that have no quote, bracket, variable or comment all have a word that tells;
// or AND, OR, XOR beside a number, an operator, a keyword or another of them; or a
// keyword beside an operator, but for those of three tokens with the keyword in the
// middle, which it lets pass unless that is INTO OUTFILE or INTO DUMPFILE. Names,
// functions, numbers and operators alone are in none.
//
// What it takes for a word begins behind a byte that is in no word or behind a
// number, and is looked up up to its first dot, or as a whole. Here all its parts
// are looked up, and numbers that may go on with a letter count as telling.
func meansNothing(value string) bool {
	seen := sqlMeaning(0)
	for i := 0; i < len(value); {
		var more sqlMeaning
		switch sqlClass[value[i]] {
		case sqlHex, sqlWord:
			more, i = meaningAt(value, i)
		case sqlSeparator:
			more = separatorMeaning(value, i)
			i++
		default:
			return false
		}
		if more&sqlTells != 0 || more&seen&sqlLogic != 0 {
			return false
		}
		seen |= more
	}
	return innocent(seen)
}

// innocent tells that words of these meanings make no injection.
func innocent(seen sqlMeaning) bool {
	switch {
	case seen&sqlTells != 0:
		return false
	case seen&sqlLogic != 0:
		return seen == sqlLogic
	}
	return seen&sqlKeyword == 0 || seen&sqlOperator == 0
}

// meaningAt is that of the word or number at i, and where it ends.
func meaningAt(value string, i int) (sqlMeaning, int) {
	from := i
	for i < len(value) && value[i]-'0' < 10 {
		i++
	}
	if i > from { // a number
		if i < len(value) && continuesNumber(value[i]) {
			return sqlTells, i
		}
		return sqlNumber, i
	}
	for i < len(value) && (sqlClass[value[i]] == sqlWord || sqlClass[value[i]] == sqlHex) {
		if value[i] == 0xc4 || value[i] == 0xc5 { // may be \u0131 or \u017f, of which I and S are the capitals
			return sqlTells, i
		}
		i++
	}
	return sqlWords.means(value[from:i]), i
}

// continuesNumber tells whether c may be part of 0x1f, 0b1, 1e5, 1.5d or 1f.
func continuesNumber(c byte) bool {
	return c|0x20 == 'x' || c|0x20 == 'b' || c|0x20 >= 'd' && c|0x20 <= 'f'
}

func separatorMeaning(value string, i int) sqlMeaning {
	next := byte(0)
	if i+1 < len(value) {
		next = value[i+1]
	}
	switch c := value[i]; c {
	case '.':
		if continuesNumber(next) && i > 0 && value[i-1]-'0' < 10 {
			return sqlTells
		}
	case '-', '&':
		if next == c {
			return sqlTells
		}
		return sqlOperator
	case '/':
		if next == '*' {
			return sqlTells
		}
		return sqlOperator
	case ':':
		if next == ':' {
			return sqlOperator
		}
	case ';', '=', '+', '*', '%', '<', '>', '~', '^', '!':
		return sqlOperator
	}
	return 0
}
