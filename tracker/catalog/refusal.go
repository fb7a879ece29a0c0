package catalog

import (
	"fmt"
	"strconv"
)

// The rules, one for each way in which a torrent file can be refused. Scripts and the API match on
// these names; they do not change.
const (
	RuleSize           = "size"            // the file is larger than MaxFileBytes
	RuleBencode        = "bencode"         // not well-formed bencode
	RuleInteger        = "integer"         // an integer or length is not in its only valid form
	RuleTrailing       = "trailing-bytes"  // something follows the outermost dictionary
	RuleDepth          = "depth"           // nested deeper than MaxDepth
	RuleTokens         = "tokens"          // more than MaxTokens values
	RuleKeysSorted     = "keys-sorted"     // dictionary keys out of order
	RuleDuplicateKey   = "duplicate-key"   // a key twice in one dictionary
	RuleNotDictionary  = "not-dictionary"  // the file is not a dictionary
	RuleInfoMissing    = "info-missing"    // no info dictionary
	RuleMetaVersion    = "meta-version"    // a v2 file of another version than 2
	RuleName           = "name"            // the name is missing or unsafe
	RulePieceLength    = "piece-length"    // not a power of two in 16 KiB..16 MiB
	RuleFiles          = "files"           // the v1 list of files is missing or malformed
	RuleFileSize       = "file-size"       // a size is missing, negative or no number
	RuleTotalSize      = "total-size"      // no data at all, or more than MaxTotalBytes
	RulePath           = "path"            // a path is unsafe
	RulePathReserved   = "path-reserved"   // a path is a device on Windows
	RulePathCollision  = "path-collision"  // two paths are one on some file system
	RuleAttr           = "attr"            // BEP 47 attributes are malformed
	RuleSymlink        = "symlink"         // a symbolic link leaves the torrent or is malformed
	RulePiecesLength   = "pieces-length"   // v1 hashes are missing or not of 20 bytes each
	RulePieceCount     = "piece-count"     // number of pieces is not ceil(size/length), or too large
	RuleFileTree       = "file-tree"       // the v2 tree of files is malformed
	RulePiecesRoot     = "pieces-root"     // a v2 file has no 32-byte root
	RulePieceLayers    = "piece-layers"    // v2 hashes are missing or do not hash to the root
	RuleHybridMismatch = "hybrid-mismatch" // v1 and v2 do not describe the same files
)

// Refusal says why a torrent file was not accepted. Detail is a sentence for the uploader without
// line breaks; names from the file are quoted and cut in it.
type Refusal struct {
	Rule, Detail string
}

func (r *Refusal) Error() string { return r.Rule + ": " + r.Detail }

func refuse(rule, format string, args ...any) error {
	return &Refusal{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}

// maxShown bounds the bytes of a name quoted in a refusal.
const maxShown = 80

// show quotes a name from the file, so that it can neither break a line nor fill a page.
func show[T ~string | ~[]byte](name T) string {
	if len(name) > maxShown {
		return strconv.Quote(string(name[:maxShown])) + "..."
	}
	return strconv.Quote(string(name))
}

// showPath quotes a path for a refusal.
func showPath(path []string) string {
	joined := ""
	for i, part := range path {
		if i > 0 {
			joined += "/"
		}
		if joined += part; len(joined) > maxShown {
			break
		}
	}
	return show(joined)
}
