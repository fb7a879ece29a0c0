package web

import "github.com/swarmstake/swarmstake/tracker/catalog"

// uploadCheck is what is checked of a torrent file (PROTOCOLS §2), in words for who made it.
type uploadCheck struct {
	Title string
	Words string
	Rules []string // of package catalog
}

// Breaks reports whether a rule is one of the check's.
func (c uploadCheck) Breaks(rule string) bool {
	for _, own := range c.Rules {
		if own == rule {
			return true
		}
	}
	return false
}

// uploadChecks has every rule of package catalog in one check; a test holds it to that.
func uploadChecks() []uploadCheck {
	return []uploadCheck{
		{"The file", "At most 10 MiB, 3,000,000 values and 32 levels of nesting: larger pieces make a smaller file.",
			[]string{catalog.RuleSize, catalog.RuleTokens, catalog.RuleDepth}},
		{"Encoding", "One bencoded dictionary and nothing after it, numbers in their shortest form.",
			[]string{catalog.RuleBencode, catalog.RuleInteger, catalog.RuleTrailing, catalog.RuleNotDictionary}},
		{"Keys", "Sorted, and each one once.", []string{catalog.RuleKeysSorted, catalog.RuleDuplicateKey}},
		{"Contents", "An info dictionary of BitTorrent v1, v2 or both, with a name that is safe as a file name.",
			[]string{catalog.RuleInfoMissing, catalog.RuleMetaVersion, catalog.RuleName}},
		{"Pieces", "A power of two from 16 KiB to 16 MiB, at most 2,097,152 of them, exactly as many hashes as the data needs.",
			[]string{catalog.RulePieceLength, catalog.RulePiecesLength, catalog.RulePieceCount}},
		{"Sizes", "Every file has one, and all together are more than nothing and at most 1 PiB.",
			[]string{catalog.RuleFiles, catalog.RuleFileSize, catalog.RuleTotalSize}},
		{"Paths", "Valid UTF-8 that every system can save: no empty parts, no “..”, no separators, no device names, and no two that differ only in capitals.",
			[]string{catalog.RulePath, catalog.RulePathReserved, catalog.RulePathCollision}},
		{"Links", "Symbolic links stay inside the torrent; padding is marked as such.", []string{catalog.RuleSymlink, catalog.RuleAttr}},
		{"v2 hashes", "A tree of files, a root for each file, and layers that hash to it.",
			[]string{catalog.RuleFileTree, catalog.RulePiecesRoot, catalog.RulePieceLayers}},
		{"Hybrids", "Both halves describe the same files in the same order.", []string{catalog.RuleHybridMismatch}},
	}
}
