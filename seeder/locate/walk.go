package locate

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// errTooMany ends a walk that met more files and folders than it may.
var errTooMany = errors.New("too many files and folders")

// walk visits what lies below root, to a depth and up to a number of entries; folders deeper than
// that are left out. Symbolic links are visited but not followed.
func walk(root string, depth, entries int, visit fs.WalkDirFunc) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if entries--; entries < 0 {
			return fmt.Errorf("%w below %s; name a smaller folder", errTooMany, root)
		}
		if err := visit(path, d, err); err != nil {
			return err
		}
		if d != nil && d.IsDir() && nesting(root, path) >= depth {
			return fs.SkipDir
		}
		return nil
	})
}

// nesting is how many folders path lies below root.
func nesting(root, path string) int {
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == "." {
		return 0
	}
	return strings.Count(rel, string(filepath.Separator)) + 1
}
