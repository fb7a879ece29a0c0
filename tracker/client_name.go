package tracker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// shownID is how many bytes of a peer id name the client and its version: -XXnnnn- of BEP 20.
const shownID = 8

// software is what two letters of a peer id stand for (BEP 20, "Azureus style"), and how its four
// characters of version are read.
type software struct {
	name    string
	version func(string) string
}

// clientCodes are the programs that members are likely to meet. A code not listed here is shown
// as it is.
var clientCodes = map[string]software{
	"TR": {"Transmission", transmissionVersion}, "qB": {"qBittorrent", dotted}, "DE": {"Deluge", dotted}, "LT": {"libtorrent", dotted},
	"lt": {"rTorrent (libTorrent", func(v string) string { return dotted(v) + ")" }}, "UT": {"µTorrent", dotted}, "UM": {"µTorrent Mac", dotted},
	"UW": {"µTorrent Web", dotted}, "BT": {"BitTorrent", dotted}, "BI": {"BiglyBT", dotted}, "AZ": {"Vuze", dotted}, "KT": {"KTorrent", twoDigits},
	"GT": {"anacrolix/torrent", dotted}, "SS": {"swarmseed", dotted}, "WW": {"WebTorrent", numbers}, "WD": {"WebTorrent Desktop", numbers},
	"BC": {"BitComet", hundredths}, "XL": {"Xunlei", dotted}, "SD": {"Xunlei", dotted}, "XF": {"Xfplay", dotted}, "QD": {"QQDownload", dotted},
	"FG": {"FlashGet", hundredths}, "MG": {"MediaGet", dotted}, "ZO": {"Zona", dotted}, "UL": {"uLeecher!", dotted},
}

// ClientName says in printable ASCII and "µ" which client and version a peer id names:
// "Transmission 3.00", "aria2 1.36.0". A client may claim to be any other: this is for texts, not
// for decisions. What is not known is shown as ClientPrefix.
func ClientName(id bt.PeerID) string {
	s := string(id[:])
	if rest, ok := strings.CutPrefix(s, "A2-"); ok {
		return strings.TrimSpace("aria2 " + dashed(rest))
	}
	if rest, ok := strings.CutPrefix(s, "TIX"); ok && alphanumeric(rest[:4]) {
		return "Tixati " + hundredths(rest[:4])
	}
	if s[0] == '-' {
		known, ok := clientCodes[s[1:3]]
		if version := s[3:7]; ok && alphanumeric(version) {
			return known.name + " " + known.version(version)
		}
	}
	return ClientPrefix(id)
}

// ClientPrefix is the part of a peer id that names the client, in printable ASCII: "?" stands for
// bytes that a text cannot hold.
func ClientPrefix(id bt.PeerID) string {
	out := make([]byte, shownID)
	for i, c := range id[:shownID] {
		if out[i] = c; c < ' ' || c > '~' {
			out[i] = '?'
		}
	}
	return string(out)
}

// dashed reads aria2's "1-36-0-" (the digits of a version, a dash after each).
func dashed(s string) string {
	var parts []string
	for {
		part, rest, ok := strings.Cut(s, "-")
		if _, err := strconv.ParseUint(part, 10, 16); !ok || err != nil {
			return strings.Join(parts, ".")
		}
		parts, s = append(parts, part), rest
	}
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		if digit(s[i]) < 0 {
			return false
		}
	}
	return true
}

// digit is the value of a character of a version: 0-9, then letters from 10 on; -1: none.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 10
	}
	return -1
}

// dotted reads one character a part: 4520 is 4.5.2, 13F0 is 1.3.15. The fourth is a build's letter
// (203s) more often than a part; it is shown only where it is a digit above 0.
func dotted(v string) string {
	text := fmt.Sprintf("%d.%d.%d", digit(v[0]), digit(v[1]), digit(v[2]))
	if v[3] > '0' && v[3] <= '9' {
		text += "." + v[3:]
	}
	return text
}

// transmissionVersion: 0072 is 0.72, 2940 is 2.94, and from 4 on 4050 is 4.0.5; the last character
// marks versions between releases.
func transmissionVersion(v string) string {
	text := v[:1] + "." + v[1:3]
	switch {
	case v[0] == '0':
		return "0." + v[2:]
	case v[0] >= '4':
		text = fmt.Sprintf("%d.%d.%d", digit(v[0]), digit(v[1]), digit(v[2]))
	}
	switch v[3] {
	case 'B':
		return text + " beta"
	case 'X', 'Z':
		return text + "+"
	}
	return text
}

// numbers: 0096 is 0.96, 0107 is 1.7.
func numbers(v string) string {
	return strconv.Itoa(digit(v[0])*10+digit(v[1])) + "." + strconv.Itoa(digit(v[2])*10+digit(v[3]))
}

// hundredths: 0170 is 1.70.
func hundredths(v string) string { return strconv.Itoa(digit(v[0])*10+digit(v[1])) + "." + v[2:] }

// twoDigits: 5200 is 5.2; what follows differs between releases.
func twoDigits(v string) string { return fmt.Sprintf("%d.%d", digit(v[0]), digit(v[1])) }
