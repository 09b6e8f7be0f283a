// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package terminator

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
)

const noFollow, nonBlock = 0, 0

// lock refuses to lock: the programs whose files a Keeper writes run on unix.
func lock(*os.File) error { return errors.ErrUnsupported }

func unlock(*os.File) {}

func keepOwner(*os.File, fs.FileInfo) error { return errors.ErrUnsupported }

func ownGroup(*exec.Cmd) {}
