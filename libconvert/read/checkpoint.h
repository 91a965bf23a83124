/* A checkpoint: the tensors of one safetensors file or of several shards, and the configuration beside them. */
#ifndef QN_READ_CHECKPOINT_H
#define QN_READ_CHECKPOINT_H

#include "read/json.h"
#include "read/safetensors.h"

typedef struct qn_checkpoint {
    qn_arena *arena;             /**< of everything here */
    const char *path;            /**< as given, for messages */
    const char *folder;
    qn_json config;              /**< config.json; value NULL: there is none */
    qn_safetensors *files;       /**< [n_files] */
    int32_t n_files;
    const qn_safetensors_tensor **tensors; /**< [n_tensors], file by file */
    int32_t n_tensors;
    const qn_table *by_name;     /**< name -> qn_safetensors_tensor */
    const qn_table *notes;       /**< key -> qn_note, of all files' __metadata__ */
} qn_checkpoint;

/** Open the checkpoint at `path`: a folder with model.safetensors, with model.safetensors.index.json and the shards that it
 *  names, or with one file *.safetensors; or a safetensors file. config.json of that folder is read when it is there.
 *
 *  An index maps each tensor to the shard that holds it. It is checked: shards are files of the folder itself (or links
 *  into it, or from a snapshot of Hugging Face's cache to its blobs), each holds the tensors that are mapped to it and no
 *  others, and total_size, when it disagrees with their bytes, is named in a warning.
 *  QN_MALFORMED, QN_UNSUPPORTED or QN_SYSTEM; the message names the file. End it with qn_checkpoint_close. */
QN_MUST_USE qn_status qn_checkpoint_open(qn_context *ctx, const char *path, qn_checkpoint **out);
/** NULL is fine. */
void qn_checkpoint_close(qn_checkpoint *checkpoint);

/** The tensor of that name, or NULL. */
const qn_safetensors_tensor *qn_checkpoint_find(const qn_checkpoint *checkpoint, const char *name);
/** The text under a key of __metadata__, of the first file that has it; or NULL. */
const char *qn_checkpoint_note(const qn_checkpoint *checkpoint, const char *key);
/** The path of a file beside the tensors when it is there, else NULL; in the arena. */
const char *qn_checkpoint_file(const qn_checkpoint *checkpoint, const char *name);

#endif
