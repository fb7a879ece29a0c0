package catalog

import "bytes"

// scanner checks bencode (BEP 3) more strictly than most: keys sorted and unique, integers and
// lengths in their only valid form, nothing after the value. It keeps a fixed stack and no copies.
type scanner struct {
	data   []byte
	pos    int
	tokens int
	stack  [MaxDepth]frame
	depth  int
}

// frame is a list or dictionary that is still open.
type frame struct {
	dict    bool
	hasKey  bool   // a key was read and its value is due
	keys    bool   // lastKey is set
	lastKey []byte // aliases data
}

// scan reports the first rule of bencode that data breaks.
func scan(data []byte) error {
	s := scanner{data: data}
	for {
		if err := s.step(); err != nil {
			return err
		}
		if s.depth == 0 {
			break
		}
	}
	if s.pos != len(data) {
		return refuse(RuleTrailing, "%d bytes follow the end of the torrent at byte %d; remove them", len(data)-s.pos, s.pos)
	}
	return nil
}

// step reads one token: a whole string or integer, or one end of a list or dictionary.
func (s *scanner) step() error {
	if s.pos >= len(s.data) {
		return refuse(RuleBencode, "the file ends in the middle, at byte %d; download it again", s.pos)
	}
	c := s.data[s.pos]
	if c == 'e' {
		return s.close()
	}
	if s.tokens++; s.tokens > MaxTokens {
		return refuse(RuleTokens, "more than %d values; split the torrent", MaxTokens)
	}
	if s.wantKey() {
		return s.key()
	}
	switch {
	case c == 'd' || c == 'l':
		return s.open(c == 'd')
	case c == 'i':
		if err := s.integer(); err != nil {
			return err
		}
	case c >= '0' && c <= '9':
		if _, err := s.str(); err != nil {
			return err
		}
	default:
		return refuse(RuleBencode, "unexpected %q at byte %d; this is not a torrent file", c, s.pos)
	}
	s.valueDone()
	return nil
}

func (s *scanner) top() *frame { return &s.stack[s.depth-1] }

func (s *scanner) wantKey() bool { return s.depth > 0 && s.top().dict && !s.top().hasKey }

func (s *scanner) valueDone() {
	if s.depth > 0 {
		s.top().hasKey = false
	}
}

func (s *scanner) open(dict bool) error {
	if s.depth == MaxDepth {
		return refuse(RuleDepth, "lists and dictionaries are nested deeper than %d at byte %d; use fewer nested folders", MaxDepth, s.pos)
	}
	s.stack[s.depth] = frame{dict: dict}
	s.depth++
	s.pos++
	return nil
}

func (s *scanner) close() error {
	if s.depth == 0 || s.top().hasKey {
		return refuse(RuleBencode, "unexpected end of a list or dictionary at byte %d", s.pos)
	}
	s.depth--
	s.pos++
	s.valueDone()
	return nil
}

func (s *scanner) key() error {
	at := s.pos
	if c := s.data[at]; c < '0' || c > '9' {
		return refuse(RuleBencode, "a dictionary key that is not a string at byte %d", at)
	}
	key, err := s.str()
	if err != nil {
		return err
	}
	f := s.top()
	if f.keys {
		switch order := bytes.Compare(f.lastKey, key); {
		case order == 0:
			return refuse(RuleDuplicateKey, "the key %s is there twice, again at byte %d", show(key), at)
		case order > 0:
			return refuse(RuleKeysSorted, "the key %s at byte %d comes after %s; keys must be sorted", show(key), at, show(f.lastKey))
		}
	}
	f.lastKey, f.keys, f.hasKey = key, true, true
	return nil
}

// str reads "<length>:<bytes>". A length is believed only as far as there are bytes.
func (s *scanner) str() ([]byte, error) {
	at, n := s.pos, 0
	for ; s.pos < len(s.data) && isDigit(s.data[s.pos]); s.pos++ {
		if n = 10*n + int(s.data[s.pos]-'0'); n > len(s.data) {
			return nil, refuse(RuleBencode, "the string at byte %d is longer than the file; download it again", at)
		}
	}
	if s.pos >= len(s.data) || s.data[s.pos] != ':' {
		return nil, refuse(RuleBencode, "a string without a colon at byte %d", at)
	}
	if s.data[at] == '0' && s.pos-at > 1 {
		return nil, refuse(RuleInteger, "a string length with leading zeros at byte %d", at)
	}
	s.pos++
	if n > len(s.data)-s.pos {
		return nil, refuse(RuleBencode, "the string at byte %d is longer than the file; download it again", at)
	}
	s.pos += n
	return s.data[s.pos-n : s.pos], nil
}

// integer checks "i<number>e" of any size; who needs the value asks value.integer.
func (s *scanner) integer() error {
	at := s.pos
	s.pos++
	if s.pos < len(s.data) && s.data[s.pos] == '-' {
		s.pos++
	}
	first := s.pos
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
	}
	digits := s.data[first:s.pos]
	if s.pos >= len(s.data) || s.data[s.pos] != 'e' || len(digits) == 0 {
		return refuse(RuleInteger, "a malformed integer at byte %d", at)
	}
	negative := first-at == 2
	if digits[0] == '0' && (len(digits) > 1 || negative) {
		return refuse(RuleInteger, "an integer with leading zeros or a negative zero at byte %d", at)
	}
	s.pos++
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
