package catalog

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWordBytes is how much of a word counts; what differs only behind it is one word.
const maxWordBytes = 64

// diacritics are the marks that readers leave out when they search: on Latin, Greek and Cyrillic letters,
// Hebrew points and Arabic vowel signs. Marks that make another letter, as in Devanagari, are none.
var diacritics = &unicode.RangeTable{R16: []unicode.Range16{
	{0x0300, 0x036f, 1}, {0x0591, 0x05bd, 1}, {0x05bf, 0x05bf, 1}, {0x05c1, 0x05c2, 1}, {0x05c4, 0x05c5, 1}, {0x05c7, 0x05c7, 1},
	{0x064b, 0x065f, 1}, {0x0670, 0x0670, 1}, {0x1ab0, 0x1aff, 1}, {0x1dc0, 0x1dff, 1}, {0x20d0, 0x20ff, 1}, {0xfe20, 0xfe2f, 1},
}}

// strokes are letters that Unicode does not take apart although readers do.
var strokes = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ħ", "h", "ı", "i", "ς", "σ")

// Words takes a text apart into the words that it is found by: runs of letters and digits, in lower case,
// without diacritics, and each ideograph or kana by itself, since nothing separates words there. Every other
// sign only separates: "Débian-13.2_amd64" is debian, 13, 2, amd64. Words of words are themselves.
func Words(text string) []string {
	var out []string
	var word strings.Builder
	end := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	for _, c := range fold(text) {
		switch {
		case unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana):
			end()
			out = append(out, string(c))
		case !unicode.In(c, unicode.L, unicode.N, unicode.M):
			end()
		case word.Len()+utf8.RuneLen(c) <= maxWordBytes:
			word.WriteRune(c)
		}
	}
	end()
	return out
}

// fold maps what readers take for the same to one text (Unicode NFKD without diacritics, put together again).
func fold(text string) string {
	bare := strings.Map(func(c rune) rune {
		if unicode.Is(diacritics, c) {
			return -1
		}
		return c
	}, norm.NFKD.String(strings.ToLower(text)))
	return strokes.Replace(strings.ToLower(norm.NFC.String(bare)))
}
