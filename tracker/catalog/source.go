package catalog

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// source is a file or folder on disk from which a torrent is made.
type source struct {
	name      string
	multiFile bool
	files     []sourceFile // in the order of BEP 52's file tree
	total     bt.Bytes     // without pad files
}

type sourceFile struct {
	File
	disk  string // where it is; empty for a pad file
	layer []byte // v2 piece layer, nil unless the file is larger than a piece
}

// openSource lists what is at path. The order is that of the names in each folder, bytewise, which
// is how a file tree's keys are sorted.
func openSource(path, name string) (*source, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if name == "" {
		if name, err = baseName(path); err != nil {
			return nil, err
		}
	}
	s := &source{name: name, multiFile: stat.IsDir()}
	if !s.multiFile {
		return s, s.add([]string{name}, path, stat)
	}
	// The folder itself may be named by a symbolic link, which WalkDir would not follow.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	return s, filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || at == path {
			return err
		}
		stat, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(path, at)
		if err != nil {
			return err
		}
		return s.add(strings.Split(rel, string(filepath.Separator)), at, stat)
	})
}

func (s *source) add(path []string, disk string, stat fs.FileInfo) error {
	if !stat.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file (%s): replace it by the file itself or remove it", disk, stat.Mode().Type())
	}
	f := File{Path: path, Size: bt.Bytes(stat.Size())}
	s.files = append(s.files, sourceFile{File: f, disk: disk})
	s.total += f.Size
	return nil
}
