import type { Project } from "@codecave/api";
import {
  createProjectMutation,
  deleteUploadMutation,
  getProjectOptions,
  updateProjectMutation,
  uploadFileMutation,
} from "@codecave/api/query";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link, useLocation } from "wouter";

import { Failure } from "../parts/failure";
import { field, words } from "../parts/form";
import { Title } from "../parts/title";

/** Creates a project, or changes one. */
export function Editor({ projectId }: { projectId?: string }) {
  const { data: project, error } = useQuery({
    ...getProjectOptions({ path: { projectId: projectId ?? "" } }),
    enabled: projectId !== undefined,
  });
  if (projectId === undefined) {
    return (
      <>
        <Title>New project</Title>
        <ProjectForm />
      </>
    );
  }
  return (
    <>
      <Title>Edit the project</Title>
      <Failure error={error} />
      {project && (
        <>
          <ProjectForm project={project} />
          <Files project={project} />
        </>
      )}
    </>
  );
}

function ProjectForm({ project }: { project?: Project }) {
  const create = useMutation(createProjectMutation());
  const update = useMutation(updateProjectMutation());
  const [, navigate] = useLocation();
  // The version that is edited, so that a change from elsewhere is not overwritten.
  const [version, setVersion] = useState(project?.updatedAt);
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const body = {
      title: field(form, "title"),
      description: field(form, "description") || null,
      content: field(form, "content") || null,
      language: field(form, "language") || null,
      tags: words(form, "tags"),
      isPublic: field(form, "isPublic") === "on",
    };
    if (project) {
      update.mutate(
        { path: { projectId: project.id }, body: { ...body, expectedUpdatedAt: version } },
        { onSuccess: ({ updatedAt }) => setVersion(updatedAt) },
      );
    } else {
      create.mutate({ body }, { onSuccess: ({ id }) => navigate(`/projects/${id}/edit`) });
    }
  };
  return (
    <form onSubmit={save}>
      <label>
        Title
        <input name="title" required maxLength={200} defaultValue={project?.title} />
      </label>
      <label>
        Summary
        <input name="description" maxLength={500} defaultValue={project?.description ?? ""} />
      </label>
      <label>
        Text, in Markdown
        <textarea name="content" maxLength={100_000} defaultValue={project?.content ?? ""} />
      </label>
      <label>
        Language
        <input name="language" maxLength={50} defaultValue={project?.language ?? ""} />
      </label>
      <label>
        Tags, with commas between them
        <input name="tags" defaultValue={project?.tags.join(", ")} />
      </label>
      <label className="check">
        <input type="checkbox" name="isPublic" defaultChecked={project?.isPublic ?? false} /> Everybody can see it
      </label>
      <p>
        <button disabled={create.isPending || update.isPending}>Save</button>{" "}
        {project && <Link href={`/projects/${project.id}`}>Preview</Link>}
      </p>
      <p role="status">{update.isSuccess && "Saved."}</p>
      <Failure error={create.error ?? update.error} />
    </form>
  );
}

function Files({ project }: { project: Project }) {
  const [share, setShare] = useState(0);
  const upload = useMutation(uploadFileMutation());
  const remove = useMutation(deleteUploadMutation());
  return (
    <section aria-labelledby="files">
      <h2 id="files">Files</h2>
      <ul>
        {project.files.map((file) => (
          <li key={file.id}>
            <a href={file.url}>{file.filename}</a>{" "}
            <button
              aria-label={`Delete ${file.filename}`}
              onClick={() => remove.mutate({ path: { uploadId: file.id } })}
              disabled={remove.isPending}
            >
              Delete
            </button>
          </li>
        ))}
      </ul>
      <label>
        Add a picture, a document or an archive{" "}
        <input
          type="file"
          disabled={upload.isPending}
          onChange={({ target }) => {
            const file = target.files?.[0];
            if (file) {
              upload.mutate({ file, projectId: project.id, onProgress: setShare });
            }
          }}
        />
      </label>
      {upload.isPending && <progress aria-label="Upload" value={share} />}
      <p role="status">{upload.isSuccess && `${upload.data.filename} is uploaded.`}</p>
      <Failure error={upload.error ?? remove.error} />
    </section>
  );
}
