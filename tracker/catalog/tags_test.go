package catalog

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestParseTags(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		" , ,\n":                   "",
		"Linux, debian  LINUX":     "debian linux",
		"v1.2\tcc-by-4.0":          "cc-by-4.0 v1.2",
		strings.Repeat("ab,", 100): "ab",
		"a1 a2 a3 a4 a5 a6 a7 a8":  "a1 a2 a3 a4 a5 a6 a7 a8",
	} {
		tags, err := ParseTags(text)
		if got := strings.Join(tags, " "); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"a", "-ab", "ab.", "ab_c", "größe", "a1 a2 a3 a4 a5 a6 a7 a8 a9", strings.Repeat("a", MaxTagBytes+1), strings.Repeat("ab,", 200), "ab\x00c", "ab\u202ec"} {
		if tags, err := ParseTags(text); !errors.Is(err, ErrTags) {
			t.Errorf("%q: %q, %v; want ErrTags", text, tags, err)
		}
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"-._!?*\"'()":                   "",
		"Debian-13.2_amd64":             "debian 13 2 amd64",
		"Débian ÉTÉ naïve Ångström":     "debian ete naive angstrom",
		"Straße ŁÓDŹ Øre ĐẶNG İstanbul": "strasse lodz ore dang istanbul",
		"ΟΔΟΣ οδός":                     "οδοσ οδοσ",
		"ｆｕｌｌ ﬁne ２０":                   "full fine 20",
		"進撃の巨人2":                        "進 撃 の 巨 人 2",
		"ガンダム":                          "ガ ン ダ ム",
		"हिन्दी किताब":                  "हिन्दी किताब",
		"a\x00b\u202ec\u200bd\xffe":     "a b c d e",
		"<b>x</b> OR NEAR \"y\" name:z": "b x b or near y name z",
		strings.Repeat("é", 200):        strings.Repeat("e", maxWordBytes),
	} {
		if got := strings.Join(Words(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Words of words are the same words, and hold nothing that separates words or has a meaning in a query.
func TestWordsOfWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := Words(rapid.String().Draw(t, "text"))
		if again := Words(strings.Join(words, " ")); !slices.Equal(again, words) {
			t.Fatalf("%q, then %q", words, again)
		}
		for _, w := range words {
			if w == "" || len(w) > maxWordBytes || !utf8.ValidString(w) || strings.ContainsAny(w, "\"'*^()-:+ \x00") {
				t.Fatalf("%q is no word", w)
			}
		}
	})
}
