package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// siteWords is how many different words the names of torrents are made of; the n-th is used about 1/n as often
// as the first.
const siteWords = 5000

// siteTags is how many tags the torrents have, each of them one.
const siteTags = 40

// siteName is the name of the i-th torrent: words of which some are in very many names and some in few, as in
// any catalogue, and a number that is in this one only.
func siteName(i int) string {
	random := rand.New(rand.NewPCG(uint64(i), 'w'))
	often := rand.NewZipf(random, 1.1, 2, siteWords-1)
	parts := []string{siteWord(int(often.Uint64()))}
	if i%2 == 0 {
		parts = append(parts, "linux")
	}
	if i%10 == 0 {
		parts = append(parts, "amd64")
	}
	for range 2 + random.IntN(3) {
		parts = append(parts, siteWord(int(often.Uint64())))
	}
	return fmt.Sprintf("%s-%d.%d-n%07d.iso", strings.Join(parts, "-"), 1+random.IntN(20), random.IntN(10), i)
}

// siteWord is the n-th word: three syllables of which it can be read.
func siteWord(n int) string {
	const consonants, vowels = "bdfghklmnprstvwz", "aeiou"
	var b strings.Builder
	for range 3 {
		b.WriteByte(consonants[n%len(consonants)])
		n /= len(consonants)
		b.WriteByte(vowels[n%len(vowels)])
		n = n/len(vowels) + 7
	}
	return b.String()
}
