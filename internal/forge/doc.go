// Package forge posts commit statuses to the site that hosts the repository:
// GitHub, GitLab, Gitea or Forgejo.
//
// Start with Poster: Hear takes the agent's events and never blocks, Run posts.
// What differs between the forges is in site.go; where a repository is on one of
// them is told by place.go.
//
// A status is posted when the phase of an app changes, for the commit that is
// desired then. Only the newest of an app is kept while the site is away. Nothing
// of this can delay or fail a deploy, and the token is in no error and no log
// line.
package forge
