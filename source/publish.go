package source

import "context"

// Publish commits the files to the status branch on top of its newest head and
// pushes without force; when somebody was faster it builds the commit again on
// theirs, for as long as ctx lets it. All other files stay as they are; content
// that is there already makes no commit. A status branch of its own is made when
// there is none; the watched branch never is. See ErrRefused, ErrBranchMissing
// and ErrCredentials.
func (r *Repo) Publish(ctx context.Context, message string, files map[string][]byte) error {
	for name := range files {
		if err := checkPath(name); err != nil {
			return r.sanitizer.plain("publish to", err)
		}
	}
	_, err := await(ctx, func() (struct{}, error) {
		if err := r.publishing.acquire(ctx); err != nil {
			return struct{}{}, err
		}
		defer r.publishing.release()
		return struct{}{}, r.submit(ctx, proposal{branch: r.options.StatusBranch, message: message, edit: put(files)})
	})
	if err != nil {
		return r.sanitizer.away("publish to", err)
	}
	return nil
}
