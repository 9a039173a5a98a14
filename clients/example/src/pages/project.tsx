import type { Project } from "@codecave/api";
import { deleteProjectMutation, getProjectOptions, viewProjectMutation } from "@codecave/api/query";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link, useLocation } from "wouter";

import { useMe } from "../api";
import { count } from "../parts/count";
import { Failure } from "../parts/failure";
import { FollowButton, Picture } from "../parts/person";
import { LikeButton, Tags } from "../parts/project";
import { Title } from "../parts/title";
import { Comments } from "./project-comments";

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
