package machine

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// copyOwnership gives f the owner, the group and the SELinux label of the file
// at path. The label counts: resolvers of confined services may not read a
// hosts file that carries the label of its folder.
func copyOwnership(path string, f *os.File) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	label := make([]byte, 256)
	if n, err := unix.Getxattr(path, "security.selinux", label); err == nil {
		if err := unix.Fsetxattr(int(f.Fd()), "security.selinux", label[:n], 0); err != nil {
			return err
		}
	}
	have, err := f.Stat()
	if err != nil {
		return err
	}
	was, now := info.Sys().(*syscall.Stat_t), have.Sys().(*syscall.Stat_t)
	if was.Uid == now.Uid && was.Gid == now.Gid {
		return nil
	}
	return f.Chown(int(was.Uid), int(was.Gid))
}
