import type { Comment, Project } from "@codecave/api";
import {
  createCommentMutation,
  deleteCommentMutation,
  deleteProjectMutation,
  getProjectOptions,
  listCommentsInfiniteOptions,
  viewProjectMutation,
} from "@codecave/api/query";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect } from "react";
import { Link, useLocation } from "wouter";

import { useMe } from "../api";
import { count } from "../parts/count";
import { Failure } from "../parts/failure";
import { field } from "../parts/form";
import { List } from "../parts/list";
import { FollowButton, Picture } from "../parts/person";
import { LikeButton, Tags } from "../parts/project";
import { Title } from "../parts/title";

export function ProjectPage({ projectId }: { projectId: string }) {
  const path = { projectId };
  const { data: project, error, isPending } = useQuery(getProjectOptions({ path, query: { include: "contentHtml" } }));
  const { mutate: view } = useMutation(viewProjectMutation());
  const isShown = project !== undefined;
  useEffect(() => {
    if (isShown) {
      view({ path: { projectId } });
    }
  }, [isShown, projectId, view]);
  if (isPending) {
    return <p role="status">Loading …</p>;
  }
  if (!project) {
    return (
      <>
        <Title>{error?.status === 404 ? "This project does not exist, or is private" : "Project"}</Title>
        {error?.status !== 404 && <Failure error={error} />}
      </>
    );
  }
  return (
    <>
      <Failure error={error} />
      <Content project={project} />
      <Comments projectId={projectId} />
    </>
  );
}

function Content({ project }: { project: Project }) {
  const me = useMe();
  const [, navigate] = useLocation();
  const remove = useMutation({ ...deleteProjectMutation(), onSuccess: () => navigate("/") });
  return (
    <article>
      <Title>{project.title}</Title>
      <p className="meta">
        <Picture person={project.author} />
        <Link href={`/people/${project.author.id}`}>{project.author.name}</Link>
        <span>{project.isPublic ? new Date(project.createdAt).toLocaleDateString("en") : "Draft, only for you"}</span>
        <span>{count(project.viewCount, "view")}</span>
      </p>
      <p>{project.description}</p>
      {/* The API has sanitised it. */}
      <div dangerouslySetInnerHTML={{ __html: project.contentHtml ?? "" }} />
      <Tags tags={project.tags} />
      {project.files.length > 0 && (
        <ul aria-label="Files">
          {project.files.map((file) => (
            <li key={file.id}>
              {file.imageUrl && <img src={`${file.imageUrl}?w=256`} alt={file.filename} />} <a href={file.url}>{file.filename}</a>
            </li>
          ))}
        </ul>
      )}
      <LikeButton project={project} /> <FollowButton person={project.author} />
      {me?.id === project.authorId && (
        <p>
          <Link href={`/projects/${project.id}/edit`}>Edit</Link>{" "}
          <button onClick={() => remove.mutate({ path: { projectId: project.id } })}>Delete the project</button>
        </p>
      )}
      <Failure error={remove.error} />
    </article>
  );
}

function Comments({ projectId }: { projectId: string }) {
  const me = useMe();
  const path = { projectId };
  const comments = useInfiniteQuery(listCommentsInfiniteOptions({ path, query: { include: "contentHtml" } }));
  const create = useMutation(createCommentMutation());
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    create.mutate({ path, body: { content: field(form, "content") } }, { onSuccess: () => form.reset() });
  };
  return (
    <section aria-labelledby="comments">
      <h2 id="comments">Comments</h2>
      <List label="Comments" query={comments} empty="There is no comment yet.">
        {(comment) => <OneComment comment={comment} />}
      </List>
      {me && (
        <form onSubmit={send}>
          <label>
            Your comment
            <textarea name="content" maxLength={5000} required />
          </label>
          <button disabled={create.isPending}>Comment</button>
          <Failure error={create.error} />
        </form>
      )}
    </section>
  );
}

function OneComment({ comment }: { comment: Comment }) {
  const me = useMe();
  const remove = useMutation(deleteCommentMutation());
  return (
    <article>
      <p className="meta">
        <Link href={`/people/${comment.author.id}`}>{comment.author.name}</Link>
        <span>{new Date(comment.createdAt).toLocaleDateString("en")}</span>
        {comment.isEdited && <span>edited</span>}
      </p>
      <div dangerouslySetInnerHTML={{ __html: comment.contentHtml ?? "" }} />
      {me?.id === comment.authorId && (
        <button onClick={() => remove.mutate({ path: { commentId: comment.id } })}>Delete the comment</button>
      )}
      <Failure error={remove.error} />
    </article>
  );
}
