package bt

// field is a parameter of an announce that may be given at most once.
type field uint8

// The parameters that are read, in the order in which a fault in them is told; the two that are
// hashes come first. All others (key, supportcrypto, corrupt, …) are ignored, and so are ip, ipv4
// and ipv6: a client's word about its address is never taken.
const (
	fInfoHash field = iota
	fPeerID
	fUploaded
	fDownloaded
	fLeft
	fPort
	fNumWant
	fEvent
	fCompact
	fNoPeerID
	fIgnored

	hashFields = fPeerID + 1
)

func (f field) String() string {
	return [...]string{"info_hash", "peer_id", "uploaded", "downloaded", "left", "port", "numwant",
		"event", "compact", "no_peer_id", "(ignored)"}[f]
}

func fieldOf(name string) field {
	switch name {
	case "info_hash":
		return fInfoHash
	case "peer_id":
		return fPeerID
	case "uploaded":
		return fUploaded
	case "downloaded":
		return fDownloaded
	case "left":
		return fLeft
	case "port":
		return fPort
	case "numwant":
		return fNumWant
	case "event":
		return fEvent
	case "compact":
		return fCompact
	case "no_peer_id":
		return fNoPeerID
	}
	return fIgnored
}

// fieldAt reads the name of the pair that begins at s[i]. The value, which may be empty, begins at
// s[value].
func fieldAt(s string, i int) (f field, value int) {
	for j := i; j < len(s); j++ {
		switch s[j] {
		case '=':
			return fieldOf(s[i:j]), j + 1
		case '&':
			return fieldOf(s[i:j]), j
		case '%':
			return escapedFieldAt(s, i)
		}
	}
	return fieldOf(s[i:]), len(s)
}

// escapedFieldAt is fieldAt for a name with percent-encoding, which no client sends.
func escapedFieldAt(s string, i int) (f field, value int) {
	var w word
	for i < len(s) && s[i] != '=' && s[i] != '&' {
		var c byte
		c, i = byteAt(s, i)
		w.add(c)
	}
	if i < len(s) && s[i] == '=' {
		i++
	}
	return fieldOf(string(w.bytes())), i
}

// fieldSet is a set of fields.
type fieldSet uint16

func (s *fieldSet) add(f field)     { *s |= 1 << f }
func (s fieldSet) has(f field) bool { return s&(1<<f) != 0 }
