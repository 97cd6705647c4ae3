package embedded

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// nobodyID is the overflow user and group id of Linux; a number is enough, no passwd entry is needed.
const nobodyID = 65534

// identity is the user the servers run as. PostgreSQL refuses to run as root, so root hands its servers to another user.
type identity struct {
	name     string
	uid, gid uint32
	switched bool // this program runs as root and becomes somebody else
}

// serverIdentity gives user postgres (else nobody) to root, and the caller's own user to everybody else.
func serverIdentity() identity {
	if os.Geteuid() != 0 {
		return identity{name: strconv.Itoa(os.Geteuid()), uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	}
	if u, err := user.Lookup("postgres"); err == nil {
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return identity{name: "postgres", uid: uint32(uid), gid: uint32(gid), switched: true}
		}
	}
	return identity{name: "nobody", uid: nobodyID, gid: nobodyID, switched: true}
}

func (i identity) credential() *syscall.Credential {
	if !i.switched {
		return nil
	}
	return &syscall.Credential{Uid: i.uid, Gid: i.gid}
}

// ownDir makes a folder that only the servers' user may enter. Where the user changed since the last run (postgres was
// installed after nobody had been used) the folder's content is handed over too.
func (i identity) ownDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return folderError(dir, err)
	}
	if !i.switched {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return folderError(dir, err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == i.uid && st.Gid == i.gid {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(i.uid), int(i.gid))
	})
}

// mayPass checks that the servers' user can reach dir: every folder above it must let that user pass.
func (i identity) mayPass(dir string) error {
	if !i.switched {
		return nil // making the folder was the proof
	}
	for p := dir; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err != nil {
			return folderError(p, err)
		}
		if !i.canSearch(info) {
			return fmt.Errorf("the servers run as user %s, who may not pass through %s: set EXCHEQUER_STATE to another folder, for example /var/lib/exchequer, or run: chmod o+x %s",
				i.name, p, p)
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}

// canSearch applies the first class that fits, as the kernel does: an owner without x may not pass even if others may.
func (i identity) canSearch(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case st.Uid == i.uid:
		return mode&0o100 != 0
	case st.Gid == i.gid:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}

func folderError(dir string, err error) error {
	return fmt.Errorf("the state folder %s cannot be used, set EXCHEQUER_STATE to a folder of yours: %w", dir, err)
}
