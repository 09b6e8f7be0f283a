// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package revocation

import "io/fs"

func ownedByAnother(fs.FileInfo) bool { return false }
