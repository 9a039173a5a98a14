import type { ProjectSummary } from "@codecave/api";
import { likeProjectMutation, unlikeProjectMutation } from "@codecave/api/query";
import { useMutation } from "@tanstack/react-query";
import { Link } from "wouter";

import { count } from "./count";
import { Failure } from "./failure";

/** A project in a list. */
export function ProjectCard({ project }: { project: ProjectSummary }) {
  return (
    <article>
      <h3>
        <Link href={`/projects/${project.id}`}>{project.title}</Link> {!project.isPublic && <small>Draft</small>}
      </h3>
      <p>{project.description}</p>
      <p className="meta">
        <Link href={`/people/${project.author.id}`}>{project.author.name}</Link>
        {project.language && <span>{project.language}</span>}
        <span>{count(project.viewCount, "view")}</span>
        <span>{count(project.commentCount, "comment")}</span>
      </p>
      <Tags tags={project.tags} />
      <LikeButton project={project} />
    </article>
  );
}

export function Tags({ tags }: { tags: string[] }) {
  return (
    <p className="meta">
      {tags.map((tag) => (
        <Link key={tag} href={`/projects?${new URLSearchParams({ tag })}`}>
          #{tag}
        </Link>
      ))}
    </p>
  );
}

export function LikeButton({ project }: { project: ProjectSummary }) {
  const like = useMutation(likeProjectMutation());
  const unlike = useMutation(unlikeProjectMutation());
  const { mutate } = project.isLiked ? unlike : like;
  return (
    <>
      <button
        aria-pressed={project.isLiked}
        aria-label={`Like ${project.title}, ${count(project.likeCount, "like")}`}
        disabled={like.isPending || unlike.isPending}
        onClick={() => mutate({ path: { projectId: project.id } })}
      >
        <span aria-hidden="true">
          {project.isLiked ? "♥" : "♡"} {project.likeCount}
        </span>
      </button>
      <Failure error={like.error ?? unlike.error} />
    </>
  );
}
