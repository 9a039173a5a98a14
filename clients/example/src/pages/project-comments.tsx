import type { Comment } from "@codecave/api";
import {
  createCommentMutation,
  deleteCommentMutation,
  listCommentsInfiniteOptions,
  updateCommentMutation,
} from "@codecave/api/query";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { Link } from "wouter";

import { useMe } from "../api";
import { Failure } from "../parts/failure";
import { field } from "../parts/form";
import { List } from "../parts/list";

export function Comments({ projectId }: { projectId: string }) {
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
  return (
    <article>
      <p className="meta">
        <Link href={`/people/${comment.author.id}`}>{comment.author.name}</Link>
        <span>{new Date(comment.createdAt).toLocaleDateString("en")}</span>
        {comment.isEdited && <span>edited</span>}
      </p>
      {/* The API has sanitised it. */}
      <div dangerouslySetInnerHTML={{ __html: comment.contentHtml ?? "" }} />
      {me?.id === comment.authorId && <OwnComment comment={comment} />}
    </article>
  );
}

/** The buttons for the author of a comment, and the form that one of them opens. */
function OwnComment({ comment }: { comment: Comment }) {
  const remove = useMutation(deleteCommentMutation());
  const [isOpen, setOpen] = useState(false);
  const edit = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    // The form had the focus and is gone.
    edit.current?.focus();
  };
  return (
    <>
      <button ref={edit} aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Edit the comment
      </button>{" "}
      <button disabled={remove.isPending} onClick={() => remove.mutate({ path: { commentId: comment.id } })}>
        Delete the comment
      </button>
      <Failure error={remove.error} />
      {isOpen && <CommentForm comment={comment} onSaved={close} />}
    </>
  );
}

function CommentForm({ comment, onSaved }: { comment: Comment; onSaved: () => void }) {
  const update = useMutation(updateCommentMutation());
  // The version that is edited, so that a change from elsewhere is not overwritten.
  const [{ content, updatedAt }] = useState(comment);
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const body = { content: field(event.currentTarget, "content"), expectedUpdatedAt: updatedAt };
    update.mutate({ path: { commentId: comment.id }, body }, { onSuccess: onSaved });
  };
  return (
    <form onSubmit={save}>
      <label>
        Text of the comment
        <textarea name="content" maxLength={5000} required defaultValue={content} />
      </label>
      <button disabled={update.isPending}>Save the comment</button>
      <Failure error={update.error} />
    </form>
  );
}
